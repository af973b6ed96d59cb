#pragma once
/// Where a run begins.

#include "launch/local_run.h"
#include "launch/recipe.h"
#include "launch/training_checkpoint.h"

namespace tokenwerk {

/// What a run goes on from.
struct Beginning {
  std::string from;                 ///< in words; empty: it starts
  std::optional<Index> checkpoint;  ///< step of the checkpoint
};

/// Collective: fills model and optimizer from a checkpoint (and `state` with where it stood), from
/// the weights of one, or from the seed, as checkpoint.resume and model.initial say. With
/// resume = "latest" damaged checkpoints that are newer than the one used are set aside by name.
///
/// A local generation that is newer than all sound checkpoints comes before them, where there is a
/// tier.
[[nodiscard]] Beginning restore_or_initialise(Communicator& ranks, Stream& stream,
                                              const Recipe& recipe, const LocalTier* local,
                                              TrainingState& state, Model& model,
                                              AdamWOptimizer& optimizer, const Alive& alive);

/// Collective: back to the newest sound checkpoint or local generation of this run, or, where there
/// is none yet, to where the run began. Damaged ones are set aside; where all are, it throws
/// CheckpointError. What `state` knows of bad steps stays.
Beginning rewind(Communicator& ranks, Stream& stream, const Recipe& recipe, const LocalTier* local,
                 TrainingState& state, Model& model, AdamWOptimizer& optimizer, const Alive& alive);

}  // namespace tokenwerk
