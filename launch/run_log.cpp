#include "launch/run_log.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "launch/heartbeat.h"

namespace tokenwerk {

RunLog::RunLog(const Recipe& recipe, int rank, std::optional<Index> resumed_step)
    : progress_(standard_console(rank), recipe.log.every, recipe.training.steps),
      folder_(recipe.log.directory) {
  if (rank != 0) return;
  metrics_.emplace(folder_ / "metrics.jsonl", resumed_step);
  tensorboard_.emplace(folder_, resumed_step.value_or(0) + 1);
  events_.emplace(folder_);
  // What a supervisor starts again is the same run, even from its first step.
  if (!resumed_step && own_attempt().value_or(1) == 1) events_->begin_anew();
  began_ = events_->began().value_or(unix_seconds_now());
  useful_seconds_ = metrics_->kept_seconds();
}

double RunLog::rewind(Index step) {
  if (!metrics_) return 0.0;
  metrics_->rewind(step);
  tensorboard_.emplace(folder_, step + 1);
  const double before = std::exchange(useful_seconds_, metrics_->kept_seconds());
  return before - useful_seconds_;
}

void RunLog::event(RunEvent event) const {
  if (!events_) return;
  event.attempt = own_attempt();
  events_->write(event);
}

void RunLog::step(StepMetrics metrics) {
  useful_seconds_ += metrics.step_seconds;
  // Clocks of hosts that took turns may differ.
  if (const double all = unix_seconds_now() - began_; all > 0)
    metrics.goodput = std::min(1.0, useful_seconds_ / all);
  if (metrics_) metrics_->write(metrics);
  if (tensorboard_) tensorboard_->write(metrics);
  if (events_) events_->retry();
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
