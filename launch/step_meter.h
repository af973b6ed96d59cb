#pragma once
/// From what a step gave, and how long it took, to the figures that a run tells.

#include "launch/metrics.h"
#include "launch/recipe.h"
#include "launch/train_step.h"
#include "launch/training_checkpoint.h"

namespace tokenwerk {

/// What a step took, and how long of it communication and data held it up.
struct StepSeconds {
  double whole = 0.0, waiting = 0.0, reading = 0.0;
};

class StepMeter {
 public:
  /// `matrix_peak`: FLOP/s of all ranks together, by which mfu divides.
  StepMeter(const Recipe& recipe, const ModelConfig& config, double matrix_peak);

  [[nodiscard]] double matrix_peak() const { return matrix_peak_; }
  /// The figures of the step that led to `state`; all but the memory.
  [[nodiscard]] StepMetrics metrics(const StepResult& result, const TrainingState& state,
                                    double learning_rate, const StepSeconds& seconds);

 private:
  Index tokens_of_step_;
  Index last_step_;
  double flops_of_token_;
  double matrix_peak_;
  double step_seconds_ = 0.0;  ///< smoothed, for the time that is left
};

}  // namespace tokenwerk
