#pragma once
/// What attention's kernels share: a block of 16 x 16 threads multiplies tiles in shared memory, a
/// thread holding a few rows and columns of each result.
///
/// The order of every sum is that of the summed index alone, and what causality hides adds exact
/// zeros, so that a row's bits do not depend on the tile it falls into.

#include "core/cuda/kernels/attention.h"
#include "core/cuda/kernels/device.cuh"

namespace tokenwerk::cuda {

inline constexpr int attention_threads = 256, square = 16;

/// Extents of the tiles of a block: its own, of `rows` rows, and those that pass by, of `inner`
/// rows; heads are padded to `width`.
template <typename Number, int width_, int rows_, int inner_>
struct Tiles {
  using A = Number;
  static constexpr int width = width_, rows = rows_, inner = inner_;
  static constexpr int n = pack_size<A>;
  /// One pack more than the extent: equal columns of 8 rows then lie in different banks.
  static constexpr int stride = width + n, score_stride = inner + n;
  static constexpr int own_rows = rows / square, own_inner = inner / square;
  static constexpr int own_packs = width / (square * n);

  using Scores = A[own_rows][own_inner];         ///< of rows y + 16 i and passing rows x + 16 j
  using Sums = Pack<A, n>[own_rows][own_packs];  ///< of rows y + 16 i, columns (x + 16 k) n on

  /// Bytes of shared memory for so many own tiles, one that passes by and the scores.
  static constexpr int bytes(int own_tiles) {
    return ((own_tiles * rows + inner) * stride + rows * score_stride) *
           static_cast<int>(sizeof(A));
  }
};

/// Calls body with the Tiles for heads of this size; head_size is at most most_head_size.
template <typename T, typename Body>
cudaError_t with_tiles(Index head_size, const Body& body) {
  using A = Accumulator<T>;
  if constexpr (std::is_same_v<A, double>) {
    if (head_size <= 64) return body(Tiles<A, 64, 32, 32>{});
    if (head_size <= 128) return body(Tiles<A, 128, 32, 16>{});
    return body(Tiles<A, 256, 16, 16>{});
  } else {
    if (head_size <= 64) return body(Tiles<A, 64, 64, 32>{});
    if (head_size <= 128) return body(Tiles<A, 128, 64, 32>{});
    return body(Tiles<A, 256, 32, 16>{});
  }
}

__device__ __forceinline__ int thread_x() { return static_cast<int>(threadIdx.x) % square; }
__device__ __forceinline__ int thread_y() { return static_cast<int>(threadIdx.x) / square; }

/// Which sequence, query head and tile a block works on; equal tiles of all heads lie side by side.
struct AttentionPlace {
  Index tile, head, kv_head, sequence;

  __device__ explicit AttentionPlace(const AttentionExtents& e)
      : tile(blockIdx.x / (e.heads * e.batch)),
        head(blockIdx.x % e.heads),
        kv_head(head / (e.heads / e.kv_heads)),
        sequence(blockIdx.x / e.heads % e.batch) {}

  __device__ Index query_row(const AttentionExtents& e) const { return sequence * e.query_length; }
  __device__ Index key_row(const AttentionExtents& e) const { return sequence * e.key_rows; }
  /// Of the head's first query in (B,H,T).
  __device__ Index stats(const AttentionExtents& e) const {
    return (sequence * e.heads + head) * e.query_length;
  }
};

/// The rows of one sequence and head.
template <typename T>
struct HeadRows {
  using A = Accumulator<T>;
  const T* first;
  Index stride, size;
  bool aligned;

  /// tile(rows, width) = factor * the rows from `row` on, `count` of them, zeros around.
  template <typename Tiling, int rows>
  __device__ void load(A* tile, Index row, Index count, A factor) const {
    constexpr int n = pack_size<T>, packs = Tiling::width / n;
    const T* const from = first + row * stride;
    for (int i = static_cast<int>(threadIdx.x); i < rows * packs; i += attention_threads) {
      const int at = i / packs, column = i % packs * n;
      const Index left = at < count ? size - column : 0;
      const auto in = load_part<n>(from + at * stride + column, left, aligned);
      A* const to = tile + at * Tiling::stride + column;
#pragma unroll
      for (int k = 0; k < n; k += Tiling::n) {
        Pack<A, Tiling::n> out;
        for (int c = 0; c < Tiling::n; ++c) out.values[c] = factor * widened<A>(in.values[k + c]);
        *reinterpret_cast<Pack<A, Tiling::n>*>(to + k) = out;  // shared memory: no store()
      }
    }
  }
};
/// Of a call's operand; the call knows the heads' size and whether packs fit.
template <typename T, typename Call>
__device__ HeadRows<T> head_rows(const Call& call, const Rows<const T>& x, Index row, Index head) {
  return {x.at(row, head * call.extents.head_size), x.stride, call.extents.head_size, call.aligned};
}

/// scores(rows, inner) = own(rows, D) passing(inner, D)^T.
template <typename Tiling, typename A = typename Tiling::A>
__device__ __forceinline__ void multiply(typename Tiling::Scores& scores, const A* own,
                                         const A* passing, Index head_size) {
  constexpr int n = Tiling::n;
  for (auto& row : scores)
    for (A& score : row) score = A{};
  for (int d = 0; d < static_cast<int>(head_size); d += n) {
    Pack<A, n> left[Tiling::own_rows], right[Tiling::own_inner];
#pragma unroll
    for (int i = 0; i < Tiling::own_rows; ++i)
      left[i] = load<n>(own + (thread_y() + square * i) * Tiling::stride + d);
#pragma unroll
    for (int j = 0; j < Tiling::own_inner; ++j)
      right[j] = load<n>(passing + (thread_x() + square * j) * Tiling::stride + d);
#pragma unroll
    for (int i = 0; i < Tiling::own_rows; ++i)
#pragma unroll
      for (int j = 0; j < Tiling::own_inner; ++j)
#pragma unroll
        for (int k = 0; k < n; ++k)
          scores[i][j] = multiply_add(left[i].values[k], right[j].values[k], scores[i][j]);
  }
}

/// Puts a thread's scores where all threads of the block see them.
template <typename Tiling, typename A = typename Tiling::A>
__device__ __forceinline__ void put_scores(A* to, const typename Tiling::Scores& scores) {
#pragma unroll
  for (int i = 0; i < Tiling::own_rows; ++i)
#pragma unroll
    for (int j = 0; j < Tiling::own_inner; ++j)
      to[(thread_y() + square * i) * Tiling::score_stride + thread_x() + square * j] = scores[i][j];
}

template <typename Tiling>
__device__ __forceinline__ void clear(typename Tiling::Sums& sums) {
#pragma unroll
  for (int i = 0; i < Tiling::own_rows; ++i)
#pragma unroll
    for (int k = 0; k < Tiling::own_packs; ++k) sums[i][k] = {};
}

/// sums(rows, D) += scores(rows, inner) passing(inner, D).
template <typename Tiling, typename A = typename Tiling::A>
__device__ __forceinline__ void add_product(typename Tiling::Sums& sums, const A* scores,
                                            const A* passing) {
  constexpr int n = Tiling::n;
#pragma unroll 1
  for (int j = 0; j < Tiling::inner; j += n) {
    Pack<A, n> left[Tiling::own_rows];
#pragma unroll
    for (int i = 0; i < Tiling::own_rows; ++i)
      left[i] = load<n>(scores + (thread_y() + square * i) * Tiling::score_stride + j);
#pragma unroll
    for (int row = 0; row < n; ++row) {
#pragma unroll
      for (int k = 0; k < Tiling::own_packs; ++k) {
        const auto right =
            load<n>(passing + (j + row) * Tiling::stride + (thread_x() + square * k) * n);
#pragma unroll
        for (int i = 0; i < Tiling::own_rows; ++i)
#pragma unroll
          for (int c = 0; c < n; ++c)
            sums[i][k].values[c] =
                multiply_add(left[i].values[row], right.values[c], sums[i][k].values[c]);
      }
    }
  }
}

/// to(count, columns) = factor(i) * sums, where factor sees the thread's i-th row.
template <typename Tiling, typename T, typename Factor>
__device__ void store_sums(T* to, Index row_stride, Index count, Index columns, bool aligned,
                           const typename Tiling::Sums& sums, const Factor& factor) {
  constexpr int n = Tiling::n;
#pragma unroll
  for (int i = 0; i < Tiling::own_rows; ++i) {
    const int row = thread_y() + square * i;
    if (row >= count) continue;
#pragma unroll
    for (int k = 0; k < Tiling::own_packs; ++k) {
      const int column = (thread_x() + square * k) * n;
      Pack<T, n> out;
      for (int c = 0; c < n; ++c) out.values[c] = rounded<T>(factor(i) * sums[i][k].values[c]);
      store_part(to + row * row_stride + column, out, columns - column, aligned);
    }
  }
}

/// Over the 16 threads that share rows.
template <typename A, typename Join>
__device__ __forceinline__ A reduce_row(A value, Join join) {
  for (int distance = square / 2; distance > 0; distance /= 2)
    value = join(value, __shfl_xor_sync(all_lanes, value, distance));
  return value;
}

__device__ __forceinline__ Index smaller(Index a, Index b) { return a < b ? a : b; }

/// Starts a kernel on blocks that may use so many bytes of shared memory.
template <typename Argument>
cudaError_t launch_tiles(void (*kernel)(Argument), Index blocks, int bytes, cudaStream_t stream,
                         const Argument& argument) {
  constexpr int plain_bytes = 48 << 10;  // what a block may have unasked
  if (bytes > plain_bytes) {
    const cudaError_t status =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    if (status != cudaSuccess) return status;
  }
  kernel<<<grid_of(blocks), attention_threads, static_cast<std::size_t>(bytes), stream>>>(argument);
  return cudaGetLastError();
}

/// The block's shared memory; every block of attention asks for some.
template <typename A>
__device__ A* shared_tiles() {
  extern __shared__ uint4 attention_tiles[];
  return reinterpret_cast<A*>(attention_tiles);
}

}  // namespace tokenwerk::cuda
