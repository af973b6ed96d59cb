#pragma once
/// Small matrix products held in registers, for kernels whose operands are in cache. Each element
/// of a result is one chain of fused multiply-adds in order of the summed dim, so that its bits do
/// not depend on how the result is cut into tiles.

#include "core/cpu/registers.h"

namespace tokenwerk::cpu::TW_ISA {

/// Left operand of a product: element (r, k) stands at data[r * row + k * step].
template <typename A>
struct LeftOperand {
  const A* data;
  std::int64_t row;
  std::int64_t step;
};

/// What the accumulators of a product start from.
enum class Start { zero, result };

/// The largest tile: with so many rows and registers a row, the other registers hold operands.
inline constexpr int tile_rows = 6;
inline constexpr int tile_registers = register_bytes == 32 ? 2 : 4;

/// c(R, columns of V registers) = [c +] a(R, depth) b(depth, the same columns).
template <int R, int V, typename A>
TW_INLINE void multiply_tile(A* c, std::int64_t c_row, LeftOperand<A> a, const A* b,
                             std::int64_t b_row, std::int64_t depth, Start start) {
  using Vector = Register<A>;
  constexpr int width = width_of<A>;
  Vector sums[R][V] = {};
  if (start == Start::result) {
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v) sums[r][v] = load_register(c + r * c_row + v * width);
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    Vector right[V];
    for (int v = 0; v < V; ++v) right[v] = load_register(b + k * b_row + v * width);
    for (int r = 0; r < R; ++r) {
      const Vector left = fill_register(a.data[r * a.row + k * a.step]);
      for (int v = 0; v < V; ++v) sums[r][v] = multiply_add(left, right[v], sums[r][v]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store_register(c + r * c_row + v * width, sums[r][v]);
}

/// The same for any number of rows.
template <int V, typename A>
[[gnu::noinline]] static void multiply_rows(A* c, std::int64_t c_row, std::int64_t rows,
                                            LeftOperand<A> a, const A* b, std::int64_t b_row,
                                            std::int64_t depth, Start start) {
  const auto take = [&]<int R>(std::integral_constant<int, R>) {
    multiply_tile<R, V>(c, c_row, a, b, b_row, depth, start);
    c += R * c_row;
    a.data += R * a.row;
    rows -= R;
  };
  while (rows >= tile_rows) take(std::integral_constant<int, tile_rows>{});
  if (rows >= 4) take(std::integral_constant<int, 4>{});
  if (rows >= 2) take(std::integral_constant<int, 2>{});
  if (rows >= 1) take(std::integral_constant<int, 1>{});
}

/// c(rows, columns) = [c +] a(rows, depth) b(depth, columns), columns being a multiple of sixteen.
template <typename A>
TW_INLINE void multiply(A* c, std::int64_t c_row, std::int64_t rows, std::int64_t columns,
                        LeftOperand<A> a, const A* b, std::int64_t b_row, std::int64_t depth,
                        Start start) {
  const auto take = [&]<int V>(std::integral_constant<int, V>) {
    constexpr std::int64_t width = V * width_of<A>;
    for (; columns >= width; columns -= width) {
      multiply_rows<V>(c, c_row, rows, a, b, b_row, depth, start);
      c += width;
      b += width;
    }
  };
  take(std::integral_constant<int, tile_registers>{});
  if constexpr (tile_registers > 3) take(std::integral_constant<int, 3>{});
  if constexpr (tile_registers > 2) take(std::integral_constant<int, 2>{});
  take(std::integral_constant<int, 1>{});
}

}  // namespace tokenwerk::cpu::TW_ISA
