#include "launch/metrics.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/log.h"
#include "launch/counted.h"

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

/// What a file holds up to a step.
struct Kept {
  double seconds = 0;       ///< that its steps took
  std::uintmax_t end = 0;   ///< of the last line to keep, in the file
  Index damaged = 0;        ///< lines of no kind
  bool has_others = false;  ///< lines between those to keep
};

/// Calls this with each line to keep.
template <typename Take>
Kept keep(const std::filesystem::path& path, Index last_step, Take&& take) {
  Kept out;
  bool others = false;
  std::uintmax_t at = 0;
  std::ifstream in(path, std::ios::binary);
  for (std::string line; std::getline(in, line);) {
    at += line.size() + 1;
    const std::optional<LineFacts> facts = facts_of(line);
    if (!facts) ++out.damaged;
    // A last line without its end was cut short by whatever ended the run.
    others = others || !facts || facts->step > last_step || in.eof();
    if (!facts || facts->step > last_step || in.eof()) continue;
    out.has_others = others;
    out.seconds += facts->seconds;
    out.end = at;
    take(line);
  }
  return out;
}

/// Writes the lines to keep aside, then gives them the file's name: a run killed here loses
/// nothing.
std::error_code rewrite(const std::filesystem::path& path, Index last_step) {
  std::filesystem::path aside = path;
  aside += ".tmp";
  std::ofstream out(aside, std::ios::binary | std::ios::trunc);
  keep(path, last_step, [&](const std::string& line) { out << line << '\n'; });
  out.close();
  std::error_code fault, ignored;
  if (out.good())
    std::filesystem::rename(aside, path, fault);
  else
    fault = std::make_error_code(std::errc::no_space_on_device);
  if (fault) std::filesystem::remove(aside, ignored);
  return fault;
}

/// Leaves the whole lines up to the step: what comes after them is cut off, which takes no room on
/// the disk. The seconds of the steps that are kept.
double cut(const std::filesystem::path& path, Index last_step) {
  std::error_code fault;
  if (!std::filesystem::exists(path, fault)) return 0;
  const Kept kept = keep(path, last_step, [](const std::string&) {});
  if (kept.has_others) fault = rewrite(path, last_step);
  if (!kept.has_others || fault) {
    std::error_code cut_fault;
    std::filesystem::resize_file(path, kept.end, cut_fault);
    if (cut_fault) fault = cut_fault;
  }
  if (fault)
    log_warning("{}: lines that do not belong to the steps up to {} stay: {}", path.string(),
                last_step, fault.message());
  else if (kept.damaged > 0)
    log_warning("{}: {} dropped", path.string(), count_of(kept.damaged, "damaged line"));
  return kept.seconds;
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
    : path_(std::move(file)), file_(path_, AppendFile::Records::lines) {
  std::error_code fault;
  if (resumed_step)
    kept_seconds_ = cut(path_, *resumed_step);
  else if (std::filesystem::exists(path_, fault))
    std::filesystem::rename(path_, path_.parent_path() / "metrics.previous.jsonl", fault);
  if (fault)
    log_warning("{}: the older one cannot be renamed: {}", path_.string(), fault.message());
  file_.flush();
}

void MetricsWriter::rewind(Index step) {
  const auto is_later = [step](const std::string& line) {
    const std::optional<LineFacts> facts = facts_of(line);
    return facts && facts->step > step;
  };
  file_.forget_if(is_later);
  file_.close();
  kept_seconds_ = cut(path_, step);
  for (const std::string& line : file_.waiting())
    if (const std::optional<LineFacts> facts = facts_of(line)) kept_seconds_ += facts->seconds;
  file_.flush();
}

}  // namespace tokenwerk
