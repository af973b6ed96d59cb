#include "launch/verification.h"

#include <algorithm>

namespace tokenwerk {

Verification::Verification(const VerifiedRun& run) : run_(run) {
  if (const Index every = run.recipe.training.verify_replicas.value_or(0); every > 0)
    replicas_.emplace(run.environment, run.ranks, run.parallelism, run.model.parameters(),
                      run.step.optimizer(), every);
  if (run.recipe.training.verify_replay.value_or(0) > 0)
    replay_.emplace(run.environment, run.ranks, run.parallelism, run.step, run.data, run.recipe);
}

bool Verification::due(Index step) const {
  return (replicas_ && replicas_->due(step)) || (replay_ && replay_->due(step));
}

void Verification::check(const TrainingState& state, RunLog& log,
                         const std::function<void()>& before_end) {
  if (!replicas_ && !replay_) return;
  run_.step.wait_for_weights();
  run_.stream.synchronize();
  if (replicas_) replicas_->check(state.step, log, before_end);
  const Index first = std::max<Index>(0, state.samples - run_.recipe.training.global_batch);
  if (replay_) replay_->check(run_.stream, state.step, first, log, before_end);
}

void Verification::strike(const std::vector<Injection>& injections, Index step) {
  const Index rank = run_.environment.rank();
  for (const Injection& flip : tokenwerk::due(injections, Injection::Kind::flip, rank, step)) {
    run_.step.wait_for_weights();
    flip_bit(run_.stream, run_.model.parameters(), run_.step.optimizer(), flip.bit);
  }
  if (replay_ && !tokenwerk::due(injections, Injection::Kind::corrupt, rank, step).empty())
    replay_->corrupt();
}

}  // namespace tokenwerk
