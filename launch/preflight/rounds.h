#pragma once
/// Who measures a link with whom, and when: rounds of disjoint pairs, so that all links of a round
/// are measured at once.

#include <optional>
#include <vector>

#include "core/dtype.h"

namespace tokenwerk {

/// Up to so many, every pair meets; of more, each one meets ceil(log2(count)) others.
inline constexpr Index all_pairs_up_to = 16;

/// The one that `me` of `count` meets in a round, by the circle method for tournaments (Kirkman
/// 1847): in each round every one meets one other, or nobody where their number is odd; no pair
/// meets in two rounds; after count - 1 rounds (count of an odd number) every pair has met.
[[nodiscard]] std::optional<Index> partner_in(Index round, Index me, Index count);

/// The rounds to hold: all of a small number, else 1, 2, 4, ..., which take log2(count) rounds and
/// pair neighbours as well as those far apart.
[[nodiscard]] std::vector<Index> rounds_of(Index count);

}  // namespace tokenwerk
