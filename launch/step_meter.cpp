#include "launch/step_meter.h"

namespace tokenwerk {

StepMeter::StepMeter(const Recipe& recipe, const ModelConfig& config,
                     std::optional<double> matrix_peak)
    : tokens_of_step_(recipe.training.global_batch * config.sequence_length),
      last_step_(recipe.training.stop_after.value_or(recipe.training.steps)),
      flops_of_token_(flops_per_token(config)),
      matrix_peak_(matrix_peak) {}

StepMetrics StepMeter::metrics(const StepResult& result, const TrainingState& state,
                               double learning_rate, const StepSeconds& seconds) {
  const double speed = static_cast<double>(tokens_of_step_) / seconds.whole;
  step_seconds_ = step_seconds_ == 0.0 ? seconds.whole : 0.9 * step_seconds_ + 0.1 * seconds.whole;
  StepMetrics out;
  out.step = state.step;
  out.loss = result.loss;
  out.learning_rate = learning_rate;
  out.grad_norm = result.gradient_norm;
  out.tokens = state.tokens;
  out.step_seconds = seconds.whole;
  out.tokens_per_second = speed;
  if (matrix_peak_) out.mfu = flops_of_token_ * speed / *matrix_peak_;
  if (seconds.waiting) out.comm_exposed_fraction = *seconds.waiting / seconds.whole;
  out.data_wait_fraction = seconds.reading / seconds.whole;
  out.eta_seconds = static_cast<double>(last_step_ - state.step) * step_seconds_;
  return out;
}

}  // namespace tokenwerk
