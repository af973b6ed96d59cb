#pragma once
/// Looks for silent faults between two steps, as training.verify_replicas and verify_replay ask.

#include <optional>

#include "launch/injection.h"
#include "launch/replay_check.h"
#include "launch/replica_check.h"
#include "launch/training_checkpoint.h"

namespace tokenwerk {

/// What is looked at; all of it outlives the verification.
struct VerifiedRun {
  MpiEnvironment& environment;
  Communicator& ranks;  ///< all, for data in host memory
  Stream& stream;
  Parallelism& parallelism;
  Model& model;
  TrainStep& step;
  const TokenDataset& data;
  const Recipe& recipe;
};

class Verification {
 public:
  /// All ranks make it together.
  explicit Verification(const VerifiedRun& run);

  /// Whether something is to be looked for after this step.
  [[nodiscard]] bool due(Index step) const;
  /// Collective: looks for all that the recipe asks for, as before a save; first waits for the
  /// weights. Throws as end_by does, after `before_end`.
  void check(const TrainingState& state, RunLog& log, const std::function<void()>& before_end);
  /// Does what of `flip` and `corrupt` is due to this rank before a step.
  void strike(const std::vector<Injection>& injections, Index step);

 private:
  VerifiedRun run_;
  std::optional<ReplicaCheck> replicas_;
  std::optional<ReplayCheck> replay_;
};

}  // namespace tokenwerk
