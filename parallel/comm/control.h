#pragma once
/// Small things that ranks tell each other outside the flow of tensors: names, faults, figures.
/// All ranks of the communicator call together; each call runs at once on the caller,
/// and is known by the place that it was called from.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Every rank's text, in rank order, on every rank. Texts may differ in length.
[[nodiscard]] std::vector<std::string> gather_strings(Communicator&, const std::string& mine,
                                                      CallSite site = CallSite::current());
/// Hands every rank's text to rank 0 alone, one at a time, in rank order. They come up a binomial
/// tree in pieces of 8 MiB: rank 0 talks to log2 p others, and no rank holds more than one text and
/// two pieces.
void collect_strings(Communicator&, const std::string& mine,
                     const std::function<void(int rank, std::string_view text)>& take,
                     CallSite site = CallSite::current());
/// The root's text; `mine` counts on the root only.
[[nodiscard]] std::string broadcast_string(Communicator&, const std::string& mine, int root = 0,
                                           CallSite site = CallSite::current());
/// Sum (in an order fixed by the number of ranks, the same bits everywhere) or maximum of every
/// rank's figure; in log2 p rounds, as all that follows.
[[nodiscard]] double all_reduce(Communicator&, double mine, Reduction reduction = Reduction::sum,
                                CallSite site = CallSite::current());
[[nodiscard]] Index all_reduce(Communicator&, Index mine, Reduction reduction = Reduction::sum,
                               CallSite site = CallSite::current());
/// Sums or maxima of many figures, place by place.
void all_reduce(Communicator&, std::span<double> figures, Reduction reduction,
                CallSite site = CallSite::current());
/// Every rank's bits, or-ed.
[[nodiscard]] std::uint64_t all_reduce_or(Communicator&, std::uint64_t mine,
                                          CallSite site = CallSite::current());

/// Agreement on whether all went well: an empty text on every rank if each rank passed an empty
/// `fault`; the fault itself if all passed the same; otherwise each different one with the first
/// rank that had it, "rank 3: no space left; rank 7: ...", the first four of them.
[[nodiscard]] std::string gather_faults(Communicator&, const std::string& fault,
                                        CallSite site = CallSite::current());
/// Whether every rank succeeded.
[[nodiscard]] bool all_ok(Communicator&, bool mine, CallSite site = CallSite::current());

}  // namespace tokenwerk
