#pragma once
/// Splits independent work over the threads of the rank.

#include <omp.h>

#include <algorithm>

#include "core/dtype.h"

namespace tokenwerk::cpu {

/// Calls body(first, last) on disjoint ranges that cover 0 .. count, one a thread; a range is at
/// least `grain` long (small work stays on the caller). Results must not depend on the split.
template <typename Body>
void parallel_for(Index count, Index grain, const Body& body) {
  const Index threads = std::min<Index>(omp_get_max_threads(), count / std::max<Index>(grain, 1));
  if (threads <= 1 || omp_in_parallel()) {
    if (count > 0) body(Index{0}, count);
    return;
  }
#pragma omp parallel num_threads(static_cast <int>(threads))
  {
    const Index t = omp_get_thread_num();
    const Index first = count * t / threads, last = count * (t + 1) / threads;
    if (first < last) body(first, last);
  }
}

}  // namespace tokenwerk::cpu
