#pragma once
/// Sums by recursive halving. Every element is summed by the binary tree over the ranks, ((r0 + r1)
/// + (r2 + r3)) + ..., whatever its place.

#include "parallel/comm/collectives.h"

namespace tokenwerk {

/// Appends an all-reduce of output(count) to the plan, for a power of two of ranks: partners at
/// distance 1, 2, 4 ... send each other half of the range they still share and sum the other half;
/// then the way back, with final values. Near partners exchange the most, far ones the least, so
/// that between hosts with many ranks each travels no more than with a ring.
void add_halving_doubling(PlanBuilder&, PlanSite, Index count, std::size_t element);

/// Appends a reduce-scatter of the workspace, in which each rank's part has this many bytes, for a
/// power of two of ranks: partners at distance 1, 2, 4 ... give each other the parts of all ranks
/// on the other's side and sum the rest. The rank's own part ends summed in place.
void add_halving_scatter(PlanBuilder&, PlanSite, std::size_t bytes);

}  // namespace tokenwerk
