#pragma once
/// What a run with local generations goes on from.

#include <optional>

#include "core/optimizer/adamw_optimizer.h"
#include "launch/local_folder.h"
#include "launch/training_checkpoint.h"
#include "models/model.h"
#include "parallel/checkpoint/local/local_resume.h"

namespace tokenwerk {

/// A checkpoint or local generation that was loaded.
struct LoadedState {
  TrainingState state;
  std::string from;                 ///< in words
  std::optional<Index> checkpoint;  ///< its step, where it is one
};

/// Collective: restores weights and optimizer state from the newest whole local generation, where
/// there is a tier, if that is newer than all checkpoints that are sound, or else from the newest
/// of these; nothing where there is neither. Throws as load_training does.
[[nodiscard]] std::optional<LoadedState> load_newest(
    Communicator& ranks, Stream& stream, const LocalTier* local,
    const std::filesystem::path& checkpoints, const TrainingState& run, Model& model,
    AdamWOptimizer& optimizer, const OnDamaged& on_damaged, const Alive& alive);

}  // namespace tokenwerk
