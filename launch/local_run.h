#pragma once
/// The local tier of a run: opened when it begins, its newest generation loaded when it goes on.

#include <optional>

#include "core/optimizer/adamw_optimizer.h"
#include "launch/recipe.h"
#include "launch/training_checkpoint.h"
#include "models/model.h"
#include "parallel/checkpoint/local/local_resume.h"

namespace tokenwerk {

/// The folder of `checkpoint.local` on a host: each `{host}` is its name.
[[nodiscard]] std::filesystem::path local_folder_on(const std::string& local,
                                                    const std::string& host);

/// Collective: the tier, where the recipe has one. A run that goes on from the latest checkpoint
/// keeps its folder; any other gets a new one, and what it finds of the run before it goes. Throws
/// SharedError where the run cannot be marked beside its checkpoints.
[[nodiscard]] std::optional<LocalTier> open_local_tier(Communicator& ranks, const std::string& host,
                                                       const Recipe& recipe);

/// A generation that a run goes on from.
struct LocalState {
  TrainingState state;
  std::string from;  ///< in words
};

/// Collective: restores weights and optimizer state from the newest whole generation that is newer
/// than the newest checkpoint; nothing where there is none. Later generations of this host go:
/// the run goes on from before them. Throws as load_training does.
[[nodiscard]] std::optional<LocalState> load_local(const LocalTier& tier, Stream& stream,
                                                   const std::filesystem::path& checkpoints,
                                                   const TrainingState& run, Model& model,
                                                   AdamWOptimizer& optimizer);

}  // namespace tokenwerk
