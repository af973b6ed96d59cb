#pragma once
/// All-reduce by recursive halving and doubling.

#include "parallel/comm/collectives.h"

namespace tokenwerk {

/// Appends an all-reduce of output(count) to the plan, for a power of two of ranks: partners at
/// distance 1, 2, 4 ... send each other half of the range they still share and sum the other half;
/// then the way back, with final values. Near partners exchange the most, far ones the least, so
/// that between hosts with many ranks each travels no more than with a ring.
void add_halving_doubling(PlanBuilder&, PlanSite, Index count, std::size_t element);

}  // namespace tokenwerk
