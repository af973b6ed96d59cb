#pragma once
/// What attention's forward and backward pass share. Scores of a block are kept as (keys, queries):
/// queries are lanes, so that softmax needs no sums across lanes and only queries are transposed.

#include "core/cpu/kernels/attention.h"
#include "core/cpu/kernels/tile.h"
#include "core/cpu/kernels/transpose.h"
#include "core/cpu/simd_math.h"

namespace tokenwerk::cpu::TW_ISA {

inline constexpr Index block = attention_block;

/// Hands out parts of a scratch buffer.
template <typename A>
struct Scratch {
  A* next;
  A* take(Index count) {
    A* part = next;
    next += count;
    return part;
  }
};

TW_INLINE Index smaller(Index a, Index b) { return a < b ? a : b; }
TW_INLINE Index round_up(Index count) { return (count + lanes - 1) / lanes * lanes; }

template <typename T>
TW_INLINE const T* row_of(const ConstAttentionRows& rows, Index r, Index column) {
  return static_cast<const T*>(rows.data) + r * rows.stride + column;
}
template <typename T>
TW_INLINE T* row_of(const AttentionRows& rows, Index r, Index column) {
  return static_cast<T*>(rows.data) + r * rows.stride + column;
}

/// packed(rows, width) = factor * source, converted; columns behind `columns` become zero.
template <typename T, typename A = Accumulator<T>>
TW_INLINE void pack(A* packed, Index width, const T* source, Index stride, Index rows,
                    Index columns, A factor) {
  for (Index r = 0; r < rows; ++r) {
    for_lanes(columns, [&](Index c, auto n) {
      store(packed + r * width + c, load_first(source + r * stride + c, n) * broadcast(factor));
    });
  }
}

/// The reverse, rounding to T, with a factor for each row.
template <typename T, typename A = Accumulator<T>, typename Factor>
TW_INLINE void unpack(T* out, Index stride, const A* packed, Index width, Index rows, Index columns,
                      Factor factor) {
  for (Index r = 0; r < rows; ++r) {
    const Lanes<A> f = broadcast(static_cast<A>(factor(r)));
    for_lanes(columns, [&](Index c, auto n) {
      store_first(out + r * stride + c, load(packed + r * width + c) * f, n);
    });
  }
}

/// transposed(columns, block) from packed(rows, width); lanes without a row become zero.
template <typename A>
TW_INLINE void transpose(A* transposed, const A* packed, Index width, Index rows, Index columns) {
  constexpr int square = width_of<A>;
  for (Index r = 0; r < block; r += square) {
    for (Index c = 0; c < columns; c += square) {
      Register<A> part[square] = {};
      for (Index k = 0; k < square; ++k)
        if (r + k < rows) part[k] = load_register(packed + (r + k) * width + c);
      transpose_square<1>(part);
      for (Index k = 0; k < square; ++k) store_register(transposed + (c + k) * block + r, part[k]);
    }
  }
}

/// A block of queries by keys and what causality leaves of it: lane i stands at position query + i,
/// row j at position key + j, and a lane sees the rows up to its own position.
struct CausalBlock {
  Index query;
  Index key;
  Index queries;  ///< lanes in use
  Index keys;     ///< rows

  /// Rows that some lane below `end` sees.
  [[nodiscard]] Index rows_seen(Index end) const {
    const Index seen = query + end - key;
    return seen < 0 ? 0 : smaller(seen, keys);
  }
  /// First lane, rounded down to a vector's, that sees row j.
  [[nodiscard]] Index first_lane(Index j) const {
    const Index lane = key + j - query;
    return lane < 0 ? 0 : lane / lanes * lanes;
  }
  /// Lanes from `lane` on that do not see row j; none if negative.
  [[nodiscard]] Index hidden(Index j, Index lane) const { return key + j - query - lane; }
  [[nodiscard]] bool whole() const { return key + keys - 1 <= query; }
};

/// products(keys, queries) = left(keys, depth) right(depth, queries), sixteen rows at a time from
/// the first vector that sees one of them; the rest is left as it is.
template <typename A>
TW_INLINE void multiply_seen(const CausalBlock& at, A* products, const A* left, Index width,
                             const A* right, Index depth) {
  const Index end = round_up(at.queries);
  const Index step = at.whole() ? at.keys : lanes;
  for (Index j = 0; j < at.keys; j += step) {
    const Index lane = at.first_lane(j);
    multiply<A>(products + j * block + lane, block, smaller(step, at.keys - j), end - lane,
                {left + j * width, width, 1}, right + lane, block, depth, Start::zero);
  }
}

/// v with `value` in the first `hidden` lanes.
template <typename A>
TW_INLINE Register<A> hide(Register<A> v, Index hidden, A value) {
  Register<A> numbers;
  for (int i = 0; i < width_of<A>; ++i) numbers[i] = static_cast<A>(i);
  return numbers < static_cast<A>(hidden) ? fill_register(value) : v;
}

}  // namespace tokenwerk::cpu::TW_ISA
