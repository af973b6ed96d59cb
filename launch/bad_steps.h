#pragma once
/// Steps with wrong numbers: a loss or gradient norm that is NaN, infinite or a spike. What is one,
/// what is done about it, and what of it a checkpoint keeps.

#include <optional>
#include <string>
#include <vector>

#include "launch/recipe.h"
#include "launch/sample_places.h"
#include "launch/train_step.h"

namespace tokenwerk {

enum class BadStepAction {
  stop,    ///< the run ends
  skip,    ///< the step counts, its batch is consumed, nothing is updated
  rewind,  ///< back to the last checkpoint; the batch is left out
};
/// As training.on_bad_step has it.
[[nodiscard]] std::string_view name_of(BadStepAction action);

struct BadStep {
  Index step = 0;       ///< its number, from 1
  SampleRange samples;  ///< the places of its batch in the order of the data
  double loss = 0.0;
  double gradient_norm = 0.0;
  std::optional<double> z_score = {};  ///< of a spike: the larger one of loss and norm
  std::string what = {};               ///< "gradient norm nan", "loss 9.1, z-score 7.2 of 6"
  BadStepAction action = BadStepAction::stop;
};

/// What a run has to know of its steps to judge the next one; part of a checkpoint's state.
struct StepHistory {
  std::vector<BadStep> bad_steps;
  Index bad_in_a_row = 0;  ///< since a good step came at or after all of them
  /// Of the last good steps, oldest first: at most training.spike_window; none where no spikes are
  /// looked for.
  std::vector<double> losses, gradient_norms;
};

/// A JSON object, whose members are those of a checkpoint's state; what is empty is left out.
[[nodiscard]] std::string to_json(const StepHistory& history);
/// From such an object among whose members may be others. Throws a JSON error where one is wrong.
[[nodiscard]] StepHistory step_history(const std::string& state_json);

/// The z-score of a value: (x - mean) / std over these values, std with their number as divisor; 0
/// where they are all equal.
[[nodiscard]] double z_score(double x, const std::vector<double>& values);

/// A step is bad if its loss or its gradient norm is no finite number, or a spike: once
/// training.spike_window good steps are known, its z-score among theirs is above
/// training.spike_z_score. Only values above the mean count. All ranks see the same numbers, and so
/// decide alike.
class BadStepPolicy {
 public:
  explicit BadStepPolicy(const TrainingSection& training) : training_(training) {}

  /// Sets the largest loss and norm that are no spikes, for the device to decide by.
  void limit(const StepHistory& history, StepSettings& settings) const;
  /// Takes note of a step that updated the weights.
  void good(StepHistory& history, Index step, const StepResult& result) const;
  /// Takes note of one that did not, and decides: as training.on_bad_step says, or stop where there
  /// have been more than training.most_bad_steps in a row.
  [[nodiscard]] BadStep bad(StepHistory& history, Index step, SampleRange samples,
                            const StepResult& result) const;
  /// What training.skip_batches and the rewinds up to now leave out.
  [[nodiscard]] LeftOut left_out(const StepHistory& history) const;

 private:
  [[nodiscard]] bool window_full(const StepHistory& history) const;

  TrainingSection training_;
};

}  // namespace tokenwerk
