#pragma once
/// How often to save: `checkpoint.every = "auto"`.

#include <algorithm>
#include <cmath>

#include "core/dtype.h"

namespace tokenwerk {

/// Seconds of training between two saves at which saving and work lost to failures together cost
/// least, to first order: sqrt(2 x cost x MTBF), where `cost` is the seconds that a save keeps
/// training waiting. Young, "A first order approximation to the optimum checkpoint interval", CACM
/// 17(9), 1974; Daly, "A higher order estimate of the optimum checkpoint interval for restart
/// dumps", FGCS 22(3), 2006, equation 6.
[[nodiscard]] inline double save_interval_seconds(double cost, double mtbf_hours) {
  return std::sqrt(2.0 * cost * mtbf_hours * 3600.0);
}

/// 419 unexpected interruptions in 54 days on 16,384 GPUs (Llama Team, "The Llama 3 herd of
/// models", arXiv 2407.21783, section 3.3.4) are one in 50,677 hours of a GPU.
[[nodiscard]] inline double default_mtbf_hours(Index ranks) {
  return 50000.0 / static_cast<double>(std::max<Index>(ranks, 1));
}

}  // namespace tokenwerk
