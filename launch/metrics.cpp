#include "launch/metrics.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/log.h"

namespace tokenwerk {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

struct LineFacts {
  Index step = 0;
  double seconds = 0;  ///< of the step; 0 for a validation
};

/// Empty if the line is damaged.
std::optional<LineFacts> facts_of(const std::string& line) {
  const Json json = Json::parse(line, nullptr, false);
  const bool whole = json.is_object() && json.contains("step") && json["step"].is_number_integer();
  if (!whole) return std::nullopt;
  LineFacts facts{.step = json["step"].get<Index>()};
  if (json.contains("step_seconds") && json["step_seconds"].is_number())
    facts.seconds = json["step_seconds"].get<double>();
  return facts;
}

/// Rewrites the file with its whole lines up to the step: aside, then renamed, so that a run killed
/// here loses nothing. The seconds of the steps that are kept.
double cut(const std::filesystem::path& path, Index last_step) {
  std::filesystem::path aside = path;
  aside += ".tmp";
  std::ifstream in(path, std::ios::binary);
  std::ofstream out(aside, std::ios::binary | std::ios::trunc);
  Index damaged = 0;
  double seconds = 0;
  for (std::string line; std::getline(in, line);) {
    const std::optional<LineFacts> facts = facts_of(line);
    if (!facts) ++damaged;
    // A last line without its end was cut short by whatever ended the run.
    if (!facts || facts->step > last_step || in.eof()) continue;
    out << line << '\n';
    seconds += facts->seconds;
  }
  out.close();
  TW_CHECK_AS(DeviceError, out.good(), aside.string(), ": cannot be written");
  std::filesystem::rename(aside, path);
  if (damaged > 0) log_warning("{}: {} damaged lines dropped", path.string(), damaged);
  return seconds;
}

}  // namespace

std::string json_line(const StepMetrics& m) {
  Json json{{"step", m.step},
            {"loss", m.loss},
            {"learning_rate", m.learning_rate},
            {"grad_norm", m.grad_norm},
            {"tokens", m.tokens},
            {"step_seconds", m.step_seconds},
            {"tokens_per_second", m.tokens_per_second},
            {"mfu", or_null(m.mfu)},
            {"memory_peak_bytes", or_null(m.memory_peak_bytes)},
            {"comm_exposed_fraction", or_null(m.comm_exposed_fraction)},
            {"data_wait_fraction", or_null(m.data_wait_fraction)},
            {"joules_per_token", or_null(m.joules_per_token)},
            {"eta_seconds", or_null(m.eta_seconds)},
            {"goodput", or_null(m.goodput)}};
  if (m.skipped) json["skipped"] = true;
  return json.dump();
}

std::string json_line(const ValidationMetrics& m) {
  return Json{{"step", m.step}, {"validation_loss", m.validation_loss}}.dump();
}

MetricsWriter::MetricsWriter(std::filesystem::path file, std::optional<Index> resumed_step)
    : path_(std::move(file)) {
  if (std::filesystem::exists(path_)) {
    if (resumed_step)
      kept_seconds_ = cut(path_, *resumed_step);
    else
      std::filesystem::rename(path_, path_.parent_path() / "metrics.previous.jsonl");
  }
  file_.reset(std::fopen(path_.c_str(), "ab"));
  TW_CHECK_AS(DeviceError, file_ != nullptr, path_.string(),
              ": cannot be opened: ", std::strerror(errno));
}

void MetricsWriter::write_line(const std::string& line) {
  const bool written = std::fputs((line + "\n").c_str(), file_.get()) >= 0;
  TW_CHECK_AS(DeviceError, written && std::fflush(file_.get()) == 0, path_.string(),
              ": cannot be written: ", std::strerror(errno));
}

}  // namespace tokenwerk
