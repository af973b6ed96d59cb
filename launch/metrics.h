#pragma once
/// The figures of a run and the file that keeps them, metrics.jsonl: one JSON object a line.

#include <filesystem>
#include <optional>

#include "core/dtype.h"
#include "launch/append_file.h"

namespace tokenwerk {

/// One step. What cannot be measured on this machine is empty, and null in the file.
struct StepMetrics {
  Index step = 0;
  double loss = 0;
  double learning_rate = 0;
  double grad_norm = 0;
  Index tokens = 0;  ///< seen since step 0, over all ranks
  double step_seconds = 0;
  double tokens_per_second = 0;
  std::optional<double> mfu = {};
  std::optional<Index> memory_peak_bytes = {};
  std::optional<double> comm_exposed_fraction = {};
  std::optional<double> data_wait_fraction = {};
  std::optional<double> joules_per_token = {};
  std::optional<double> eta_seconds = {};
  bool skipped = false;                ///< a bad step: nothing was updated
  std::optional<double> goodput = {};  ///< useful step time over time since the run's first start
  /// For the console alone, events.jsonl has it in full: "rank 3 host n2"; empty: nobody.
  std::string straggler = {};
};

struct ValidationMetrics {
  Index step = 0;
  double validation_loss = 0;
};

/// The line of a file, without its end. Numbers read back as the same bits; what is no finite
/// number is null, since JSON has no word for it.
[[nodiscard]] std::string json_line(const StepMetrics& metrics);
[[nodiscard]] std::string json_line(const ValidationMetrics& metrics);

/// Writes metrics.jsonl, line by line, each there before the next step begins. A disk that refuses
/// them ends no run (launch/append_file.h).
class MetricsWriter {
 public:
  /// A fresh run begins an empty file and leaves an older one beside it, as metrics.previous.jsonl.
  /// A run resumed at a step keeps the whole lines up to that step.
  MetricsWriter(std::filesystem::path file, std::optional<Index> resumed_step);

  void write(const StepMetrics& metrics) { write_line(json_line(metrics)); }
  void write(const ValidationMetrics& metrics) { write_line(json_line(metrics)); }

  /// Forgets the lines of later steps, as for a run resumed at this one.
  void rewind(Index step);

  /// Seconds that the steps took which a resumed run kept.
  [[nodiscard]] double kept_seconds() const { return kept_seconds_; }

 private:
  void write_line(const std::string& line) { file_.append(line + "\n"); }

  std::filesystem::path path_;
  double kept_seconds_ = 0;
  AppendFile file_;
};

}  // namespace tokenwerk
