#pragma once
/// One call of a communicator, as ledgers keep it and ranks compare it.

#include <compare>
#include <optional>
#include <span>
#include <string>

#include "parallel/comm/call_site.h"
#include "parallel/comm/traffic.h"

namespace tokenwerk {

/// How the ranks' values become one.
enum class Reduction { sum, max };

/// Ranks of the run at equal distances, as those along any axis of the mesh are.
struct RankGroup {
  int first = 0;
  int stride = 1;
  int size = 1;

  /// The rank of the run at this place.
  [[nodiscard]] int rank_at(int place) const { return first + place * stride; }
  [[nodiscard]] int place_of(int rank) const { return (rank - first) / stride; }
  friend auto operator<=>(const RankGroup&, const RankGroup&) = default;
};

/// What a rank has called: plain values, so that keeping one allocates nothing.
struct CollectiveCall {
  Collective collective{};
  Axis axis = Axis::world;
  RankGroup group = {};
  int communicator = 0;  ///< in the order of making, which is the same on all ranks
  Index number = 0;  ///< of the group's collectives, from 1; exchanges count apart, on each rank
  Index count = 0;   ///< elements that one rank contributes, or bytes without a dtype
  std::optional<DType> dtype = {};
  Reduction reduction = Reduction::sum;
  int root = -1;  ///< of a broadcast, a rank of the run
  int to = -1;    ///< of an exchange, like from
  int from = -1;
  CallSite site = {};

  /// "all_reduce, sum of 1024 f32 (4096 bytes)": equal on ranks whose calls fit together, but for
  /// exchanges.
  [[nodiscard]] std::string text() const;
};

/// "0-1,3" for {0, 1, 3}; ascending.
[[nodiscard]] std::string text_of_ranks(std::span<const int> ranks);
/// "ranks 0-3"; of a group whose members lie apart "ranks 0,2..6".
[[nodiscard]] std::string text_of(const RankGroup& group);

}  // namespace tokenwerk
