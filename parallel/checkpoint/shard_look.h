#pragma once
/// The shards of a checkpoint against its manifest, before anything is read from them.

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/manifest.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Ranks that have summed their files wait for those that have more of them, or larger ones. So
/// that nobody takes that for a hang, all meet after each turn.
struct LookTurns {
  std::chrono::duration<double> length = std::chrono::seconds(10);
  Alive alive;  ///< after each, on every rank
};

/// Collective. Checks size and sum of every file, the ranks dividing them among them: what is
/// damaged, on every rank, or nothing. Throws UnreadableError, the same on all, where some cannot
/// be read.
[[nodiscard]] std::string damage_of_shards(Communicator& ranks, const std::filesystem::path& folder,
                                           const std::vector<StoredFile>& files,
                                           const LookTurns& turns);

}  // namespace tokenwerk
