#pragma once
/// Which folder of the hosts' disks is a run's, and which generations in it count.

#include <filesystem>
#include <optional>
#include <string>

#include "launch/local_marker.h"
#include "launch/recipe.h"
#include "parallel/checkpoint/local/local_tier.h"

namespace tokenwerk {

/// The folder of `checkpoint.local` on a host: each `{host}` is its name.
[[nodiscard]] std::filesystem::path local_folder_on(const std::string& local,
                                                    const std::string& host);

/// Collective: the tier, where the recipe has one. A run that goes on from the latest checkpoint
/// keeps its folder; any other gets a new one, and what it finds of the run before it goes. That of
/// another run, of which these checkpoints are a copy, stays. A damaged marker is set aside, unless
/// there is no checkpoint to go on from instead: then SharedError (3). Throws SharedError (4) where
/// the marker cannot be read, or a new run cannot be marked beside its checkpoints.
[[nodiscard]] std::optional<LocalTier> open_local_tier(Communicator& ranks, const std::string& host,
                                                       const Recipe& recipe);

/// Collective: the run goes on from this step, at its start or after a rewind, under a new name for
/// its generations; later ones of before do not count any more, at once on all hosts, also on those
/// without ranks. Returns why that could not be written, on every rank: then nothing has changed,
/// and the tier is to keep nothing until another call succeeds, which remembers this step.
[[nodiscard]] std::string begin_local_session(LocalTier& tier,
                                              const std::filesystem::path& checkpoints, Index step);

/// What is written beside the checkpoints when `newest` is the step of the newest generation.
[[nodiscard]] LocalMarker marker_of(const LocalTier& tier, const std::filesystem::path& checkpoints,
                                    std::optional<Index> newest);

}  // namespace tokenwerk
