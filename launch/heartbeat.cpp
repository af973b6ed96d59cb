#include "launch/heartbeat.h"

#include <fcntl.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/log.h"
#include "launch/append_file.h"
#include "launch/counted.h"

namespace tokenwerk {
namespace {

/// Each beat is written over the one before, so that all have the same length.
constexpr std::size_t line_bytes = 256;

Index unix_nanoseconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace

std::optional<Index> own_attempt() {
  const char* text = std::getenv(attempt_variable);
  return text == nullptr ? std::nullopt : number_of<Index>(text);
}

std::filesystem::path heartbeat_file(const std::filesystem::path& log_directory) {
  return log_directory / ".heartbeat";
}

std::optional<Heartbeat> read_heartbeat(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::string line;
  if (!std::getline(stream, line)) return std::nullopt;
  Heartbeat out;
  try {
    const auto json = nlohmann::json::parse(line);
    json.at("attempt").get_to(out.attempt);
    json.at("started").get_to(out.started);
    json.at("beat").get_to(out.beat);
    json.at("step").get_to(out.step);
    json.at("phase").get_to(out.phase);
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;  // half of one beat and half of the next
  }
  return out;
}

HeartbeatWriter::HeartbeatWriter(const std::filesystem::path& log_directory, int rank)
    : path_(heartbeat_file(log_directory)) {
  const auto attempt = own_attempt();
  if (rank != 0 || !attempt) return;
  gives_ = true;
  last_.attempt = *attempt;
  last_.started = unix_nanoseconds_now();
}

void HeartbeatWriter::beat(std::string_view phase, Index step) {
  if (!gives_) return;
  ++last_.beat;
  last_.step = step;
  last_.phase = phase;
  std::string line = nlohmann::ordered_json{
      {"attempt", last_.attempt},
      {"started", last_.started},
      {"beat", last_.beat},
      {"step", last_.step},
      {"phase",
       last_.phase}}.dump();
  line.resize(line_bytes - 1, ' ');
  line.push_back('\n');
  // Not truncated: the room that the line before takes is there on a full disk too.
  errno = ENOSPC;  // of a line that is written in part
  const bool given = keep_open(file_, path_, O_WRONLY) &&
                     ::pwrite(file_.get(), line.data(), line.size(), 0) == std::ssize(line);
  if (!given && !failing_)
    log_warning("{}: no sign of life can be given for now: {}", path_.string(),
                std::strerror(errno));
  failing_ = !given;
}

}  // namespace tokenwerk
