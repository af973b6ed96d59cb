#include "core/cpu/kernels/product.h"

#include "core/cpu/kernels/dispatch.h"
#include "core/cpu/kernels/transpose.h"

namespace tokenwerk::cpu::TW_ISA {
namespace {

/// Rows and columns of a result that stay in registers.
constexpr Index tile_rows = register_bytes == 64 ? 14 : register_bytes == 32 ? 6 : 4;
constexpr Index tile_registers = 2;  // of a row
template <typename A>
constexpr Index tile_columns = tile_registers* width_of<A>;
template <typename A>
constexpr Index tile_size = tile_rows* tile_columns<A>;

TW_INLINE Index smaller(Index a, Index b) { return a < b ? a : b; }

// ---- packing ----

/// The first n elements of a register, the others zero.
template <typename T>
TW_INLINE Register<Accumulator<T>> load_register_first(const T* p, Index n) {
  constexpr Index width = width_of<Accumulator<T>>;
  if (n >= width) return load_register(p);
  T buffer[width] = {};
  std::memcpy(buffer, p, static_cast<std::size_t>(n) * sizeof(T));
  return load_register(buffer);
}

/// Of a source whose rows (or columns) lie side by side. `count` of them can be read.
template <Index W, typename T, typename A = Accumulator<T>>
TW_INLINE void copy_panel(A* out, const T* source, Index depth_stride, Index count, Index depth) {
  if (count >= (W + lanes - 1) / lanes * lanes) {
    for (Index k = 0; k < depth; ++k) {
      for (Index i = 0; i < W; i += lanes) store(out + k * W + i, load(source + i));
      source += depth_stride;
    }
    return;
  }
  for (Index k = 0; k < depth; ++k) {
    for (Index i = 0; i < W; ++i)
      out[k * W + i] = i < count ? load_one(source + k * depth_stride + i) : A{};
  }
}

constexpr Index prefetched_bytes = 256;  // so many rows at once escape the hardware's prefetcher

/// out(depth, W's columns) = source(count, depth)^T for one square; lanes without a row become
/// zero.
template <Index W, typename T, typename Depth, typename A = Accumulator<T>>
TW_INLINE void transpose_square_of(A* out, const T* source, Index stride, Index count,
                                   Depth depth) {
  constexpr Index width = width_of<A>;
  Register<A> square[width] = {};
  for (Index r = 0; r < width; ++r) {
    if (r >= count) continue;
    const T* p = source + r * stride;
    __builtin_prefetch(reinterpret_cast<const char*>(p) + prefetched_bytes);
    square[r] = load_register_first(p, depth);
  }
  transpose_square<1>(square);
  for (Index r = 0; r < width; ++r)
    if (r < depth) store_register(out + r * W, square[r]);
}

/// Of a source whose k lie side by side. A square that is wider than what is left of the panel
/// writes into the next k, so that it comes before those beside it.
template <Index W, typename T, typename A = Accumulator<T>>
TW_INLINE void transpose_panel(A* out, const T* source, Index stride, Index count, Index depth) {
  constexpr Index width = width_of<A>;
  const auto transpose_all = [&](Index k, auto deep) {
    for (Index i = (W - 1) / width * width; i >= 0; i -= width)
      transpose_square_of<W>(out + k * W + i, source + i * stride + k, stride, count - i, deep);
  };
  Index k = 0;
  for (; k + width <= depth; k += width) transpose_all(k, std::integral_constant<Index, width>{});
  if (k < depth) transpose_all(k, depth - k);
}

template <Index W, typename T, typename A = Accumulator<T>>
void pack_panels(A* panels, Index depth, Index first, const ProductSource& source) {
  const T* from = static_cast<const T*>(source.first);
  for (Index i = 0; i < source.count; i += W) {
    A* out = panels + i / W * panel_distance(depth, W) + first * W;
    if (source.stride == 1) {
      copy_panel<W>(out, from + i, source.depth_stride, source.count - i, source.depth);
    } else {
      const Index count = smaller(W, source.count - i);
      transpose_panel<W>(out, from + i * source.stride, source.stride, count, source.depth);
    }
  }
}

void pack_left(void* panels, Index depth, Index first, const ProductSource& source) {
  for_type(source.dtype, [&]<typename T>(T) {
    pack_panels<tile_rows, T>(static_cast<Accumulator<T>*>(panels), depth, first, source);
  });
}

void pack_right(void* panels, Index depth, Index first, const ProductSource& source) {
  for_type(source.dtype, [&]<typename T>(T) {
    using A = Accumulator<T>;
    pack_panels<tile_columns<A>, T>(static_cast<A*>(panels), depth, first, source);
  });
}

// ---- products ----

/// The sums of a tile's first R rows in registers.
template <typename A, Index R>
using TileSums = Register<A>[R][tile_registers];

/// Calls function(register, its offset in the tile's memory) for all of them.
template <typename A, Index R, typename Function>
TW_INLINE void for_registers(TileSums<A, R>& tile, Function function) {
  for (Index r = 0; r < R; ++r)
    for (Index v = 0; v < tile_registers; ++v)
      function(tile[r][v], r * tile_columns<A> + v * width_of<A>);
}

/// The chain: tile += left right, k by k.
template <typename A, Index R>
TW_INLINE void add_products(TileSums<A, R>& tile, const A* left, const A* right, Index depth) {
  for (Index k = 0; k < depth; ++k, left += tile_rows, right += tile_columns<A>) {
    Register<A> b[tile_registers];
    for (Index v = 0; v < tile_registers; ++v) b[v] = load_register(right + v * width_of<A>);
    for (Index r = 0; r < R; ++r) {
      const Register<A> a = fill_register(left[r]);
      for (Index v = 0; v < tile_registers; ++v) tile[r][v] = multiply_add(a, b[v], tile[r][v]);
    }
  }
}

/// One tile through all steps of a block. Sums of chunks wait at the level of the tree where the
/// next sum that joins them ends.
template <typename A, Index R>
[[gnu::noinline]] void multiply_tile(const ProductBlock& block, const A* left, const A* right,
                                     A* sums) {
  for (Index s = 0; s < block.step_count; ++s) {
    const ProductStep step = block.steps[s];
    A* own = sums + step.level * tile_size<A>;
    TileSums<A, R> tile = {};
    if (!step.begins)
      for_registers<A, R>(tile, [&](auto& v, Index i) { v = load_register(own + i); });
    add_products<A, R>(tile, left, right, step.depth);
    for (int level = 0; step.ends && level < step.level; ++level) {
      const A* earlier = sums + level * tile_size<A>;
      for_registers<A, R>(tile, [&](auto& v, Index i) { v = load_register(earlier + i) + v; });
    }
    for_registers<A, R>(tile, [&](auto& v, Index i) { store_register(own + i, v); });
    left += step.depth * tile_rows;
    right += step.depth * tile_columns<A>;
  }
}

/// result = [result +] (sums [+ bias]), rounded once.
template <typename T, typename A = Accumulator<T>>
void write_tile(const ProductBlock& block, const A* sums, Index row, Index column) {
  const Index rows = smaller(tile_rows, block.rows - row);
  const Index columns = smaller(tile_columns<A>, block.columns - column);
  const A* bias = static_cast<const A*>(block.result.bias);
  for (Index r = 0; r < rows; ++r) {
    T* out = row_of<T>(block.result.rows, row + r) + column;
    for_lanes(columns, [&](Index i, auto n) {
      Lanes<A> v = load_first(sums + r * tile_columns<A> + i, n);
      if (bias) v += load_first(bias + column + i, n);
      if (block.result.accumulates) v = load_first(out + i, n) + v;
      store_first(out + i, v, n);
    });
  }
}

template <typename A>
void multiply_typed(const ProductBlock& block) {
  const A* left = static_cast<const A*>(block.left);
  const A* right = static_cast<const A*>(block.right);
  const Index panels = (block.columns + tile_columns<A> - 1) / tile_columns<A>;
  const int top = block.steps[block.step_count - 1].level;
  const auto multiply_one = [&](Index row, Index column) {
    const Index i = row / tile_rows, j = column / tile_columns<A>;
    A* sums = static_cast<A*>(block.sums) + (i * panels + j) * block.tile_distance;
    const A* a = left + i * panel_distance(block.depth, tile_rows);
    const A* b = right + j * panel_distance(block.depth, tile_columns<A>);
    if (block.rows - row > tile_rows / 2) {
      multiply_tile<A, tile_rows>(block, a, b, sums);
    } else {
      multiply_tile<A, tile_rows / 2>(block, a, b, sums);
    }
    if (block.result.rows.data == nullptr) return;
    const A* whole = sums + top * tile_size<A>;
    for_type(block.result.dtype, [&]<typename T>(T) {
      if constexpr (sizeof(Accumulator<T>) == sizeof(A)) write_tile<T>(block, whole, row, column);
    });
  };
  for (Index row = 0; row < block.rows; row += tile_rows)
    for (Index column = 0; column < block.columns; column += tile_columns<A>)
      multiply_one(row, column);
}

void multiply(const ProductBlock& block) {
  if (block.dtype == DType::f64) {
    multiply_typed<double>(block);
  } else {
    multiply_typed<float>(block);
  }
}

}  // namespace

extern const ProductKernels product_kernels;
const ProductKernels product_kernels = {tile_rows, tile_columns<float>, pack_left, pack_right,
                                        multiply};

}  // namespace tokenwerk::cpu::TW_ISA
