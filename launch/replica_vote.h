#pragma once
/// Of ranks that must hold the same: which of them do not.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/dtype.h"

namespace tokenwerk {

/// What a comparison has found; nothing differs: no arrays.
struct ReplicaVote {
  std::vector<std::size_t> arrays;  ///< which differ between any two ranks
  /// Ranks that differ from a majority, ascending, and in what.
  struct Odd {
    std::size_t rank = 0;
    std::vector<std::size_t> arrays;
    friend bool operator==(const Odd&, const Odd&) = default;
  };
  std::vector<Odd> odd;
  bool clear = true;  ///< each array that differs is the same on more than half of the ranks
};

/// `hashes[r * arrays + i]`: what rank r holds of array i.
[[nodiscard]] ReplicaVote vote_of(std::span<const std::uint64_t> hashes, std::size_t arrays);

/// "0, 1, 2 and 5 more": so many are named.
[[nodiscard]] std::string list_of(std::span<const std::string> names, std::size_t most);

}  // namespace tokenwerk
