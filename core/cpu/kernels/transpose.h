#pragma once
/// Transposes squares of registers.

#include "core/cpu/registers.h"

namespace tokenwerk::cpu::TW_ISA {

/// Exchanges what two rows of a square of registers hold off its diagonal of blocks of S lanes.
template <int S, typename V, int W>
TW_INLINE void exchange(V& low, V& high, std::integral_constant<int, W>) {
  using Mask = decltype(low < high);
  Mask from_low, from_high;
  for (int i = 0; i < W; ++i) {
    from_low[i] = (i & S) != 0 ? (i ^ S) + W : i;
    from_high[i] = (i & S) != 0 ? i + W : i | S;
  }
  const V first = __builtin_shuffle(low, high, from_low);
  high = __builtin_shuffle(low, high, from_high);
  low = first;
}

/// Transposes a square of as many registers as one has lanes.
template <int S, typename V, int W>
TW_INLINE void transpose_square(V (&rows)[W]) {
  if constexpr (S < W) {
    for (int i = 0; i < W; ++i)
      if ((i & S) == 0) exchange<S>(rows[i], rows[i + S], std::integral_constant<int, W>{});
    transpose_square<2 * S>(rows);
  }
}

}  // namespace tokenwerk::cpu::TW_ISA
