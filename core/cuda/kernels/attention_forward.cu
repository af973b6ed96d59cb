#include <cmath>

#include "core/cuda/kernels/attention.cuh"

namespace tokenwerk::cuda {
namespace {

template <typename T>
struct ForwardCall {
  Rows<T> o;
  Accumulator<T>* stats;
  Rows<const T> q, k, v;
  AttentionExtents extents;
  Index tiles;  ///< of queries
  bool aligned;
};

/// Running maximum and sum of the rows of a thread, and what the last step scaled the sums by.
template <typename Tiling>
struct OnlineSoftmax {
  using A = typename Tiling::A;
  A maximum[Tiling::own_rows], sum[Tiling::own_rows], factor[Tiling::own_rows];

  __device__ void start() {
    for (int i = 0; i < Tiling::own_rows; ++i) {
      maximum[i] = static_cast<A>(-INFINITY);
      sum[i] = 0;
    }
  }

  /// Scores become probabilities that still lack the division by the sum. The thread's first row
  /// stands at `position` and its first score is of the key at `key`.
  __device__ void step(typename Tiling::Scores& scores, Index position, Index key) {
#pragma unroll
    for (int i = 0; i < Tiling::own_rows; ++i) {
      A top = maximum[i];
#pragma unroll
      for (int j = 0; j < Tiling::own_inner; ++j) {
        if (key + square * j > position + square * i) scores[i][j] = static_cast<A>(-INFINITY);
        top = Greater{}(scores[i][j], top);
      }
      top = reduce_row(top, Greater{});
      A total{};
#pragma unroll
      for (int j = 0; j < Tiling::own_inner; ++j) {
        scores[i][j] = exp(scores[i][j] - top);
        total += scores[i][j];
      }
      factor[i] = exp(maximum[i] - top);
      sum[i] = sum[i] * factor[i] + reduce_row(total, Plus{});
      maximum[i] = top;
    }
  }

  /// Brings what was summed before the last step to its maximum.
  __device__ void rescale(typename Tiling::Sums& sums) const {
#pragma unroll
    for (int i = 0; i < Tiling::own_rows; ++i)
#pragma unroll
      for (int k = 0; k < Tiling::own_packs; ++k)
        for (A& value : sums[i][k].values) value *= factor[i];
  }

  /// The log-sum-exps of the tile's rows.
  __device__ void store_statistics(A* stats, Index queries) const {
    if (thread_x() != 0) return;
    for (int i = 0; i < Tiling::own_rows; ++i) {
      const int query = thread_y() + square * i;
      if (query < queries) stats[query] = maximum[i] + log(sum[i]);
    }
  }
};

/// A block takes a tile of queries of one head and passes over the keys they see.
template <typename T, typename Tiling>
__global__ void __launch_bounds__(attention_threads, least_blocks)
    forward_kernel(ForwardCall<T> a) {
  using A = Accumulator<T>;
  const AttentionExtents& e = a.extents;
  const AttentionPlace at(e);
  const Index first = (a.tiles - 1 - at.tile) * Tiling::rows;  // long tiles first
  const Index queries = smaller(Tiling::rows, e.query_length - first);
  const Index position = e.query_offset + first, seen = position + queries;
  A* const own = shared_tiles<A>();
  A* const passing = own + Tiling::rows * Tiling::stride;
  A* const shared_scores = passing + Tiling::inner * Tiling::stride;
  const auto q = head_rows(a, a.q, at.query_row(e), at.head);
  const auto k = head_rows(a, a.k, at.key_row(e), at.kv_head);
  const auto v = head_rows(a, a.v, at.key_row(e), at.kv_head);
  q.template load<Tiling, Tiling::rows>(own, first, queries, static_cast<A>(e.scale));

  typename Tiling::Scores scores;
  typename Tiling::Sums sums;
  OnlineSoftmax<Tiling> softmax;
  clear<Tiling>(sums);
  softmax.start();
  for (Index key = 0; key < seen; key += Tiling::inner) {
    __syncthreads();  // the last values are used
    k.template load<Tiling, Tiling::inner>(passing, key, seen - key, A{1});
    __syncthreads();
    multiply<Tiling>(scores, own, passing, e.head_size);
    softmax.step(scores, position + thread_y(), key + thread_x());
    put_scores<Tiling>(shared_scores, scores);
    __syncthreads();  // the keys are used
    v.template load<Tiling, Tiling::inner>(passing, key, seen - key, A{1});
    softmax.rescale(sums);
    __syncthreads();
    add_product<Tiling>(sums, shared_scores, passing);
  }
  store_sums<Tiling>(a.o.at(at.query_row(e) + first, at.head * e.head_size), a.o.stride, queries,
                     e.head_size, a.aligned, sums, [&](int i) { return A{1} / softmax.sum[i]; });
  softmax.store_statistics(a.stats + at.stats(e) + first, queries);
}

}  // namespace

cudaError_t attention_forward(cudaStream_t stream, Array o, Array stats, ConstArray q, ConstArray k,
                              ConstArray v, const AttentionExtents& extents) {
  if (extents.batch * extents.heads * extents.query_length == 0) return cudaSuccess;
  return with_type(q.dtype, [&]<typename T>(T) {
    using A = Accumulator<T>;
    constexpr int n = pack_size<T>;
    const bool aligned = extents.head_size % n == 0 && rows_aligned<n, T>(o) &&
                         rows_aligned<n, T>(q) && rows_aligned<n, T>(k) && rows_aligned<n, T>(v);
    return with_tiles<T>(extents.head_size, [&]<typename Tiling>(Tiling) {
      const Index tiles = blocks_of(extents.query_length, Tiling::rows);
      const ForwardCall<T> call{rows_of<T>(o), static_cast<A*>(stats.data),
                                rows_of<T>(q), rows_of<T>(k),
                                rows_of<T>(v), extents,
                                tiles,         aligned};
      return launch_tiles(forward_kernel<T, Tiling>, tiles * extents.heads * extents.batch,
                          Tiling::bytes(1), stream, call);
    });
  });
}

}  // namespace tokenwerk::cuda
