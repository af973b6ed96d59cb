#pragma once
/// What a run does about a step with wrong numbers.

#include <functional>

#include "launch/bad_steps.h"
#include "launch/checkpoint_saver.h"
#include "launch/training_checkpoint.h"

namespace tokenwerk {

/// The parts of a run that a bad step concerns.
struct RecoveryParts {
  Communicator& control;
  Stream& stream;
  const Recipe& recipe;
  TrainingState& state;
  Model& model;
  TrainStep& step;
  CheckpointSaver& saver;
  RunLog& log;
  std::function<Savable()> savable;
  Alive alive;
};

/// Collective, after a step that updated nothing: judges it and does what the policy says. Tells of
/// it on the console, in events.jsonl and in the state, which the next checkpoint holds.
///
/// Skip: the caller goes on as after any step. Rewind: weights, optimizer and state are those of
/// the last checkpoint or local generation (saved again with what happened), or of the run's
/// beginning where there is none. Stop: saves the weights from before the step and throws
/// SharedError (ExitCode::stopped_by_policy).
[[nodiscard]] BadStepAction recover(const BadStepPolicy& policy, SampleRange batch,
                                    const StepResult& result, const RecoveryParts& run);

}  // namespace tokenwerk
