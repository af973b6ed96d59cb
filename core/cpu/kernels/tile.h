#pragma once
/// Small matrix products held in registers, for kernels whose operands are in cache. Each element
/// of a result is one chain of fused multiply-adds in order of the summed dim, so that its bits do
/// not depend on how the result is cut into tiles.

#include "core/cpu/simd.h"

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

/// Registers of the instruction set. Columns of a product do not mix, so that tiles may be made of
/// these instead of sixteen lanes, which AVX2 would keep in memory, without any change to bits.
#if defined(__AVX512F__)
inline constexpr int register_bytes = 64;
inline constexpr int tile_registers = 4;
#elif defined(__AVX2__)
inline constexpr int register_bytes = 32;
inline constexpr int tile_registers = 2;
#else
inline constexpr int register_bytes = 16;
inline constexpr int tile_registers = 4;
#endif
inline constexpr int tile_rows = 6;  // with two or four registers a row, the others hold operands

template <typename A>
struct RegisterOf {
  typedef A type __attribute__((vector_size(register_bytes)));
  static constexpr int lanes = register_bytes / static_cast<int>(sizeof(A));
};
template <typename A>
using Register = typename RegisterOf<A>::type;

template <typename A>
TW_INLINE Register<A> multiply_add(Register<A> a, Register<A> b, Register<A> c) {
#if defined(__AVX512F__)
  if constexpr (sizeof(A) == 4)
    return (Register<A>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
  else
    return (Register<A>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
  if constexpr (sizeof(A) == 4)
    return (Register<A>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
  else
    return (Register<A>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
  for (int i = 0; i < RegisterOf<A>::lanes; ++i) {
    if constexpr (sizeof(A) == 4)
      c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    else
      c[i] = __builtin_fma(a[i], b[i], c[i]);
  }
  return c;
#endif
}

/// c(R, columns of V registers) = [c +] a(R, depth) b(depth, the same columns).
template <int R, int V, typename A>
TW_INLINE void multiply_tile(A* c, std::int64_t c_row, LeftOperand<A> a, const A* b,
                             std::int64_t b_row, std::int64_t depth, Start start) {
  using Vector = Register<A>;
  constexpr int width = RegisterOf<A>::lanes;
  Vector sums[R][V] = {};
  if (start == Start::result) {
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v)
        std::memcpy(&sums[r][v], c + r * c_row + v * width, sizeof(Vector));
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    Vector right[V];
    for (int v = 0; v < V; ++v) std::memcpy(&right[v], b + k * b_row + v * width, sizeof(Vector));
    for (int r = 0; r < R; ++r) {
      const Vector left = a.data[r * a.row + k * a.step] - Vector{};
      for (int v = 0; v < V; ++v) sums[r][v] = multiply_add<A>(left, right[v], sums[r][v]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) std::memcpy(c + r * c_row + v * width, &sums[r][v], sizeof(Vector));
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
    constexpr std::int64_t width = V * RegisterOf<A>::lanes;
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
