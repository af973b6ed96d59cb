#pragma once
/// Ring algorithms: chunks travel from neighbour to neighbour, segment by segment.

#include "parallel/comm/collectives.h"

namespace tokenwerk {

/// Cuts `count` elements into `size` chunks as equal as can be, and those into segments.
struct RingLayout {
  PlanBuffer buffer = PlanBuffer::output;
  Index count = 0;  ///< elements in all
  std::size_t element = 1;
  int size = 1;

  /// Segments of chunk `chunk` (taken modulo size, may be negative); none where it is empty.
  [[nodiscard]] std::vector<ByteRange> segments(int chunk) const;
  [[nodiscard]] ByteRange chunk(int chunk) const;
};

enum class RingPhases { reduce_scatter, all_gather, both };

/// Appends a ring to the plan: reduce-scatter leaves chunk `rank` summed on each rank; all-gather
/// spreads each rank's chunk `rank` to all.
void add_ring(PlanBuilder&, PlanSite, const RingLayout&, RingPhases);

}  // namespace tokenwerk
