#pragma once
/// From what a step gave, and how long it took, to the figures that a run tells.

#include "launch/metrics.h"
#include "launch/recipe.h"
#include "launch/train_step.h"
#include "launch/training_checkpoint.h"

namespace tokenwerk {

/// What a step took, and how long of it communication (empty: not known) and data held it up.
struct StepSeconds {
  double whole = 0.0;
  std::optional<double> waiting;
  double reading = 0.0;
};

class StepMeter {
 public:
  /// `matrix_peak`: FLOP/s of all ranks together, by which mfu divides; empty: not known.
  StepMeter(const Recipe& recipe, const ModelConfig& config, std::optional<double> matrix_peak);

  /// The figures of the step that led to `state`; all but memory and energy.
  [[nodiscard]] StepMetrics metrics(const StepResult& result, const TrainingState& state,
                                    double learning_rate, const StepSeconds& seconds);

 private:
  Index tokens_of_step_;
  Index last_step_;
  double flops_of_token_;
  std::optional<double> matrix_peak_;
  double step_seconds_ = 0.0;  ///< smoothed, for the time that is left
};

}  // namespace tokenwerk
