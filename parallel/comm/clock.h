#pragma once
/// What ranks on several hosts call the same moment.

#include <chrono>
#include <vector>

#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Added to this rank's steady clock it gives the first rank's. All ranks call together.
///
/// Ranks of one booted system share a clock: theirs differ by nothing. On other hosts it is
/// estimated: all ranks read their clocks as they leave a barrier, some times over, and the median
/// of the differences counts, which is as good as ranks leave a barrier together: about the time of
/// a small message.
[[nodiscard]] std::chrono::nanoseconds clock_offset(Communicator& ranks);

/// The estimate by barriers alone, whatever the host.
[[nodiscard]] std::chrono::nanoseconds barrier_offset(Communicator& ranks);

/// The median of theirs[i] - mine[i], both as long and not empty.
[[nodiscard]] Index median_difference(const std::vector<Index>& theirs,
                                      const std::vector<Index>& mine);

}  // namespace tokenwerk
