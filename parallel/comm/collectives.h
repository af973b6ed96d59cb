#pragma once
/// The algorithms of the collectives, as pure functions that return one rank's message plan.
///
/// With p ranks and n bytes a rank:
///   ring       2 (p-1)/p n bytes sent, 2 (p-1) rounds: the least bytes possible; every rank
///              talks only to its neighbours. Patarasuk and Yuan, "Bandwidth optimal
///              all-reduce algorithms for clusters of workstations", JPDC 2009.
///   halving    the same bytes in 2 log2 p rounds, for powers of two. Rabenseifner,
///              "Optimization of collective reduction operations", ICCS 2004.
///   doubling   n log2 p bytes in log2 p rounds, for small n.
///
/// Every plan sums in an order fixed by rank and size alone, and every rank ends with the same
/// bits.

#include "core/dtype.h"
#include "parallel/comm/message_plan.h"

namespace tokenwerk {

/// Whose plan it is.
struct PlanSite {
  int rank = 0;
  int size = 1;
};

/// Large messages travel in segments of this size, so that one is summed while the next arrives.
inline constexpr std::size_t plan_segment_bytes = std::size_t{256} << 10;
/// Receives posted ahead; each needs a segment of scratch where it is summed.
inline constexpr std::size_t plan_window = 4;
/// Scratch that every queue holds: no plan needs more.
inline constexpr std::size_t plan_scratch_bytes = plan_window * plan_segment_bytes;

/// output(count elements of `element` bytes) = the reduction, in place.
[[nodiscard]] MessagePlan plan_all_reduce(PlanSite, Index count, std::size_t element);
/// output(count) = part `rank` of the reduction of workspace(size * count).
[[nodiscard]] MessagePlan plan_reduce_scatter(PlanSite, Index count, std::size_t element);
/// output(size * bytes) = all ranks' input(bytes).
[[nodiscard]] MessagePlan plan_all_gather(PlanSite, std::size_t bytes);
/// output(bytes) = the root's.
[[nodiscard]] MessagePlan plan_broadcast(PlanSite, std::size_t bytes, int root);
/// Part j of output(size * bytes) = part `rank` of rank j's input.
[[nodiscard]] MessagePlan plan_all_to_all(PlanSite, std::size_t bytes);
/// Sends input to one rank, receives output from another; -1 leaves a half out.
[[nodiscard]] MessagePlan plan_exchange(int to, std::size_t send_bytes, int from,
                                        std::size_t receive_bytes);
[[nodiscard]] MessagePlan plan_barrier(PlanSite);

}  // namespace tokenwerk
