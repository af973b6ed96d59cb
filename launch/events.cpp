#include "launch/events.h"

#include <fmt/core.h>
#include <sys/time.h>

#include <cmath>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

namespace tokenwerk {
namespace {

std::string time_text(double unix_seconds) {
  const auto milliseconds = static_cast<std::int64_t>(std::llround(unix_seconds * 1000));
  const std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     milliseconds % 1000);
}

/// The other way; nothing where the text is no such time.
std::optional<double> time_of(const std::string& text) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr || *rest != '.') return std::nullopt;
  return static_cast<double>(::timegm(&parts)) + std::strtod(rest, nullptr);
}

/// The lines after the last one that is about something else.
std::string preflight_at_the_end(const std::filesystem::path& path) {
  std::ifstream stream(path);
  std::string lines;
  for (std::string line; std::getline(stream, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    const bool is_one = json.is_object() && json.value("event", "") == "preflight";
    lines = is_one ? lines + line + "\n" : "";
  }
  return lines;
}

}  // namespace

double unix_seconds_now() {
  timeval now{};
  ::gettimeofday(&now, nullptr);
  return static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_usec);
}

std::string json_line(const RunEvent& event, double unix_seconds) {
  nlohmann::ordered_json json{{"time", time_text(unix_seconds)}, {"event", event.name}};
  const auto add = [&json](const char* name, const auto& value) {
    if (value) json[name] = *value;
  };
  add("attempt", event.attempt);
  add("step", event.step);
  add("rank", event.rank);
  if (!event.host.empty()) json["host"] = event.host;
  add("ranks", event.ranks);
  add("exit_code", event.exit_code);
  add("loss", event.loss);
  add("grad_norm", event.grad_norm);
  add("z_score", event.z_score);
  add("seconds_lost", event.seconds_lost);
  if (!event.what.empty()) json["what"] = event.what;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

EventLog::EventLog(const std::filesystem::path& log_directory)
    : path_(log_directory / "events.jsonl"), file_(path_, AppendFile::Records::lines) {}

void EventLog::write(const RunEvent& event) const {
  append(json_line(event, unix_seconds_now()) + "\n");
}

void EventLog::append(std::string lines) const {
  file_.append(std::move(lines));
  file_.close();
}

void EventLog::retry() const {
  if (!file_.waiting().empty()) append({});
}

std::optional<double> EventLog::began() const {
  std::ifstream stream(path_);
  std::string line;
  if (!std::getline(stream, line)) return std::nullopt;
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("time") || !json["time"].is_string()) return std::nullopt;
  return time_of(json["time"]);
}

void EventLog::begin_anew() const {
  const std::string preflight = preflight_at_the_end(path_);
  std::error_code ignored;  // none may be there
  std::filesystem::rename(path_, path_.parent_path() / "events.previous.jsonl", ignored);
  if (!preflight.empty()) append(preflight);
}

}  // namespace tokenwerk
