#pragma once
/// Going on from what the hosts hold.

#include <optional>
#include <span>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/local/local_tier.h"

namespace tokenwerk {

/// A generation that was loaded, and what that took.
struct LocalResume {
  CheckpointState state;  ///< its folder is that of this host
  Index shards = 0;
  Index from_copies = 0;     ///< shards of which only the copy was left
  Index received_bytes = 0;  ///< by all ranks, from other hosts
};

/// Collective: fills the targets from the newest generation later than step `above` of which every
/// shard is on some host, as it was written or as a copy, whatever ranks and hosts wrote it, but
/// for those that are overtaken: a rank reads what lies on its host and is sent the rest. Shards
/// whose sum is wrong are set aside
/// (`rank-00003.h5.damaged`). Rank 0 logs why newer generations are passed over. `check` throws
/// where the state is that of another run; then all ranks throw CheckpointError. Nothing where
/// there is no whole generation; the targets then hold anything.
[[nodiscard]] std::optional<LocalResume> resume_local(const LocalTier& tier, Index above,
                                                      std::span<const ArrayTarget> targets,
                                                      const CheckState& check);

}  // namespace tokenwerk
