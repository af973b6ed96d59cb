#pragma once
/// What of a generation is sound, and on which hosts.

#include <map>
#include <string>

#include "parallel/checkpoint/local/local_index.h"

namespace tokenwerk {

/// The same on every rank.
struct Survey {
  Generation generation;
  /// By the rank that wrote a shard: the hosts that hold it, sound.
  std::map<int, std::map<int, Holding>> holders;
  MergedGeneration merged;
  std::string fault;  ///< why it is not whole; empty: it is

  [[nodiscard]] const std::map<int, Holding>& hosts_of(int rank) const { return holders.at(rank); }
  [[nodiscard]] Index shards() const { return static_cast<Index>(holders.size()); }
  /// Shards of which only a copy is left.
  [[nodiscard]] Index from_copies() const;
};

/// Collective: the ranks of a host divide its shards, compare size and sum of each, and set the
/// wrong ones aside; rank 0 logs them.
[[nodiscard]] Survey survey_generation(const LocalTier& tier, const Generation& generation);

}  // namespace tokenwerk
