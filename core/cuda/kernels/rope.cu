#include "core/cuda/kernels/rope.h"

#include "core/cuda/kernels/map.cuh"

namespace tokenwerk::cuda {
namespace {

/// Heads that a thread turns: one load of a cosine and a sine serves them all.
constexpr Index heads_of_thread = 4;

/// A map over (rows, groups of heads * D/2): the elements i and i + D/2 of the heads of a group.
template <typename T>
struct TurnHeads {
  Rows<T> x;
  const Accumulator<T>* turns;
  Index heads, half, rows_per_sequence, token_offset;
  Accumulator<T> sign;

  template <int n>
  __device__ void run(Index row, Index column) const {
    using A = Accumulator<T>;
    const Split at(column, half);
    const Index first = at.quotient * heads_of_thread, i = at.remainder;
    const Index position = token_offset + Split(row, rows_per_sequence).remainder;
    const auto cosines = load<n>(turns + position * 2 * half + i);
    const auto sines = load<n>(turns + (position * 2 + 1) * half + i);
    T* const start = x.at(row, first * 2 * half + i);
    Pack<T, n> low[heads_of_thread] = {}, high[heads_of_thread] = {};
    for (Index head = 0; head < heads_of_thread; ++head) {
      if (first + head >= heads) continue;
      low[head] = load<n>(start + head * 2 * half);
      high[head] = load<n>(start + (head * 2 + 1) * half);
    }
    for (Index head = 0; head < heads_of_thread; ++head) {
      if (first + head >= heads) continue;
      for (int k = 0; k < n; ++k) {
        const A a = widened<A>(low[head].values[k]), b = widened<A>(high[head].values[k]);
        const A c = cosines.values[k], s = sign * sines.values[k];
        low[head].values[k] = rounded<T>(a * c - b * s);
        high[head].values[k] = rounded<T>(b * c + a * s);
      }
      store(start + head * 2 * half, low[head]);
      store(start + (head * 2 + 1) * half, high[head]);
    }
  }
};

}  // namespace

cudaError_t rope(cudaStream_t stream, Array x, const RopeTurns& how, Turn direction) {
  return with_type(x.dtype, [&]<typename T>(T) {
    constexpr int n = pack_size<T>;
    using A = Accumulator<T>;
    const Index half = how.head_size / 2, heads = x.columns / how.head_size;
    const Index columns = blocks_of(heads, heads_of_thread) * half;
    return map<n>(stream, x.rows, columns, half % n == 0 && packs_fit<n, T>(x),
                  TurnHeads<T>{rows_of<T>(x), static_cast<const A*>(how.turns), heads, half,
                               how.rows_per_sequence, how.token_offset,
                               direction == Turn::forth ? A{1} : A{-1}});
  });
}

}  // namespace tokenwerk::cuda
