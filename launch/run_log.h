#pragma once
/// Where the figures of a run go: console, metrics.jsonl, TensorBoard. On ranks but the first,
/// nowhere.

#include <optional>
#include <string>

#include "launch/metrics.h"
#include "launch/progress.h"
#include "launch/recipe.h"
#include "launch/tensorboard.h"

namespace tokenwerk {

class RunLog {
 public:
  /// `resumed_step`: empty for a fresh run.
  RunLog(const Recipe& recipe, int rank, std::optional<Index> resumed_step);

  void step(const StepMetrics& metrics);
  void validation(const ValidationMetrics& metrics);
  /// A line of its own on the console and in log.txt.
  void note(const std::string& text);
  void finish() { progress_.finish(); }

 private:
  ProgressLine progress_;
  std::optional<MetricsWriter> metrics_;
  std::optional<TensorBoardWriter> tensorboard_;
};

}  // namespace tokenwerk
