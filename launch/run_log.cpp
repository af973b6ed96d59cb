#include "launch/run_log.h"

#include <fmt/core.h>

#include "core/log.h"

namespace tokenwerk {

RunLog::RunLog(const Recipe& recipe, int rank, std::optional<Index> resumed_step)
    : progress_(standard_console(rank), recipe.log.every, recipe.training.steps) {
  if (rank != 0) return;
  const std::filesystem::path folder = recipe.log.directory;
  metrics_.emplace(folder / "metrics.jsonl", resumed_step);
  tensorboard_.emplace(folder, resumed_step.value_or(0) + 1);
}

void RunLog::step(const StepMetrics& metrics) {
  if (metrics_) metrics_->write(metrics);
  if (tensorboard_) tensorboard_->write(metrics);
  progress_.show(metrics);
}

void RunLog::validation(const ValidationMetrics& metrics) {
  if (metrics_) metrics_->write(metrics);
  if (tensorboard_) tensorboard_->write(metrics);
  note(fmt::format("step {}  validation loss {:.4f}", metrics.step, metrics.validation_loss));
}

void RunLog::note(const std::string& text) {
  progress_.note(text);
  log_to_file(LogLevel::info, text);
}

}  // namespace tokenwerk
