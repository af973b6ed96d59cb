#include "core/cuda/kernels/attention.cuh"
#include "core/cuda/kernels/sum_heads.cuh"

namespace tokenwerk::cuda {
namespace {

template <typename T>
struct BackwardCall {
  Rows<T> dq;
  Array dk, dv;  ///< of the keys' type, or of the sums' type
  Rows<const T> dout, q, k, v;
  const Accumulator<T>*stats, *delta;
  AttentionExtents extents;
  Index tiles;
  bool aligned;
};

constexpr int delta_threads = 256, delta_warps = delta_threads / warp_size;

/// delta(B,H,T): a warp sums a row of dout * o of one head.
template <typename T>
__global__ void __launch_bounds__(delta_threads)
    delta_kernel(Accumulator<T>* delta, Rows<const T> dout, Rows<const T> o, AttentionExtents e,
                 bool aligned) {
  using A = Accumulator<T>;
  constexpr int n = pack_size<T>;
  const Index unit = static_cast<Index>(blockIdx.x) * delta_warps + threadIdx.x / warp_size;
  if (unit >= e.batch * e.query_length * e.heads) return;
  const Index row = unit / e.heads, head = unit % e.heads;
  const T* const left = dout.at(row, head * e.head_size);
  const T* const right = o.at(row, head * e.head_size);
  A sum{};
  for (Index i = threadIdx.x % warp_size * n; i < e.head_size; i += warp_size * n) {
    const auto a = load_part<n>(left + i, e.head_size - i, aligned);
    const auto b = load_part<n>(right + i, e.head_size - i, aligned);
    for (int k = 0; k < n; ++k)
      sum = multiply_add(widened<A>(a.values[k]), widened<A>(b.values[k]), sum);
  }
  sum = reduce_warp(sum, Plus{});
  if (threadIdx.x % warp_size == 0)
    delta[(row / e.query_length * e.heads + head) * e.query_length + row % e.query_length] = sum;
}

/// The three places in shared memory that a block of the backward pass uses: its own two tiles, the
/// one that passes by, the scores.
template <typename Tiling>
struct BackwardTiles {
  using A = typename Tiling::A;
  A* first = shared_tiles<A>();
  A* second = first + Tiling::rows * Tiling::stride;
  A* passing = second + Tiling::rows * Tiling::stride;
  A* scores = passing + Tiling::inner * Tiling::stride;
};

/// scores = the first own tile times x, dscores = the second times y, of the passing rows from
/// `row` on; x stays in the passing tile.
template <typename Tiling, typename T, typename A = Accumulator<T>>
__device__ void multiply_both(typename Tiling::Scores& scores, typename Tiling::Scores& dscores,
                              const BackwardTiles<Tiling>& tiles, const HeadRows<T>& x, A factor,
                              const HeadRows<T>& y, Index row, Index count) {
  __syncthreads();  // the last passing rows are used
  y.template load<Tiling, Tiling::inner>(tiles.passing, row, count, A{1});
  __syncthreads();
  multiply<Tiling>(dscores, tiles.second, tiles.passing, y.size);
  __syncthreads();
  x.template load<Tiling, Tiling::inner>(tiles.passing, row, count, factor);
  __syncthreads();
  multiply<Tiling>(scores, tiles.first, tiles.passing, x.size);
}

/// What a score's gradient needs of its query.
template <typename A>
struct ScoreTerms {
  A stats, delta;
  bool hidden;
};

/// Turns scores into probabilities, and the products dout . v in dscores into the gradient of the
/// scores: p * (dout . v - delta). terms(i, j) are those of the thread's score.
template <typename Tiling, typename Terms, typename A = typename Tiling::A>
__device__ __forceinline__ void differentiate(typename Tiling::Scores& scores,
                                              typename Tiling::Scores& dscores,
                                              const Terms& terms) {
#pragma unroll
  for (int i = 0; i < Tiling::own_rows; ++i)
#pragma unroll
    for (int j = 0; j < Tiling::own_inner; ++j) {
      const ScoreTerms<A> of = terms(i, j);
      scores[i][j] = of.hidden ? A{} : exp(scores[i][j] - of.stats);
      dscores[i][j] = of.hidden ? A{} : scores[i][j] * (dscores[i][j] - of.delta);
    }
}

/// Element `row` of (T), zero behind its end.
template <typename A>
__device__ A element_or_zero(const A* from, Index row, Index count) {
  return row < count ? from[row] : A{};
}

/// dq: a block takes a tile of queries and passes over the keys they see.
template <typename T, typename Tiling>
__global__ void __launch_bounds__(attention_threads, least_blocks) query_kernel(BackwardCall<T> a) {
  using A = Accumulator<T>;
  const AttentionExtents& e = a.extents;
  const AttentionPlace at(e);
  const Index first = (a.tiles - 1 - at.tile) * Tiling::rows;  // long tiles first
  const Index queries = smaller(Tiling::rows, e.query_length - first);
  const Index position = e.query_offset + first + thread_y(),
              seen = e.query_offset + first + queries;
  const BackwardTiles<Tiling> tiles;
  const auto q = head_rows(a, a.q, at.query_row(e), at.head);
  const auto dout = head_rows(a, a.dout, at.query_row(e), at.head);
  const auto k = head_rows(a, a.k, at.key_row(e), at.kv_head);
  const auto v = head_rows(a, a.v, at.key_row(e), at.kv_head);
  const A scale = static_cast<A>(e.scale);
  q.template load<Tiling, Tiling::rows>(tiles.first, first, queries, scale);
  dout.template load<Tiling, Tiling::rows>(tiles.second, first, queries, A{1});
  A stats[Tiling::own_rows], delta[Tiling::own_rows];
  for (int i = 0; i < Tiling::own_rows; ++i) {
    const Index query = first + thread_y() + square * i;
    stats[i] = element_or_zero(a.stats + at.stats(e), query, e.query_length);
    delta[i] = element_or_zero(a.delta + at.stats(e), query, e.query_length);
  }

  typename Tiling::Scores scores, dscores;
  typename Tiling::Sums sums;
  clear<Tiling>(sums);
  for (Index key = 0; key < seen; key += Tiling::inner) {
    multiply_both<Tiling>(scores, dscores, tiles, k, A{1}, v, key, seen - key);
    differentiate<Tiling>(scores, dscores, [&](int i, int j) {
      const bool hidden = key + thread_x() + square * j > position + square * i;
      return ScoreTerms<A>{stats[i], delta[i], hidden};
    });
    put_scores<Tiling>(tiles.scores, dscores);
    __syncthreads();
    add_product<Tiling>(sums, tiles.scores, tiles.passing);
  }
  store_sums<Tiling>(a.dq.at(at.query_row(e) + first, at.head * e.head_size), a.dq.stride, queries,
                     e.head_size, a.aligned, sums, [&](int) { return scale; });
}

/// A tile of dk or dv of the columns of a head.
template <typename T, typename Tiling>
__device__ void store_key_gradient(const Array& to, Index row, Index column, Index count,
                                   Index head_size, bool aligned,
                                   const typename Tiling::Sums& sums) {
  using A = Accumulator<T>;
  const Index at = row * to.row_stride + column;
  const auto one = [](int) { return A{1}; };
  if (sizeof(T) == sizeof(A) || to.dtype == DType::bf16)
    store_sums<Tiling>(static_cast<T*>(to.data) + at, to.row_stride, count, head_size, aligned,
                       sums, one);
  else
    store_sums<Tiling>(static_cast<A*>(to.data) + at, to.row_stride, count, head_size, aligned,
                       sums, one);
}

/// dk and dv: a block takes a tile of keys, for one query head, and passes over the queries that
/// see them. Keys that none sees receive zeros.
template <typename T, typename Tiling>
__global__ void __launch_bounds__(attention_threads, least_blocks) key_kernel(BackwardCall<T> a) {
  using A = Accumulator<T>;
  const AttentionExtents& e = a.extents;
  const AttentionPlace at(e);
  const Index key = at.tile * Tiling::rows, keys = smaller(Tiling::rows, e.key_rows - key);
  const Index seen = smaller(keys, e.query_offset + e.query_length - key);
  const BackwardTiles<Tiling> tiles;
  const auto q = head_rows(a, a.q, at.query_row(e), at.head);
  const auto dout = head_rows(a, a.dout, at.query_row(e), at.head);
  head_rows(a, a.k, at.key_row(e), at.kv_head)
      .template load<Tiling, Tiling::rows>(tiles.first, key, seen, A{1});
  head_rows(a, a.v, at.key_row(e), at.kv_head)
      .template load<Tiling, Tiling::rows>(tiles.second, key, seen, A{1});

  typename Tiling::Scores scores, dscores;
  typename Tiling::Sums dk, dv;
  clear<Tiling>(dk);
  clear<Tiling>(dv);
  const Index first = key > e.query_offset ? key - e.query_offset : 0;
  for (Index query = first; query < e.query_length; query += Tiling::inner) {
    const Index count = e.query_length - query;
    A stats[Tiling::own_inner], delta[Tiling::own_inner];
    for (int j = 0; j < Tiling::own_inner; ++j) {
      const Index own = query + thread_x() + square * j;
      stats[j] = element_or_zero(a.stats + at.stats(e), own, e.query_length);
      delta[j] = element_or_zero(a.delta + at.stats(e), own, e.query_length);
    }
    multiply_both<Tiling>(scores, dscores, tiles, q, static_cast<A>(e.scale), dout, query, count);
    differentiate<Tiling>(scores, dscores, [&](int i, int j) {
      const Index own = query + thread_x() + square * j;
      const bool unseen = key + thread_y() + square * i > e.query_offset + own;
      return ScoreTerms<A>{stats[j], delta[j], unseen || own >= e.query_length};
    });
    put_scores<Tiling>(tiles.scores, dscores);
    __syncthreads();
    add_product<Tiling>(dk, tiles.scores, tiles.passing);
    __syncthreads();
    // Again: a second tile that stays would leave no room for as many rows.
    dout.template load<Tiling, Tiling::inner>(tiles.passing, query, count, A{1});
    put_scores<Tiling>(tiles.scores, scores);
    __syncthreads();
    add_product<Tiling>(dv, tiles.scores, tiles.passing);
  }
  const Index head = a.dk.columns == e.heads * e.head_size ? at.head : at.kv_head;
  const Index row = at.key_row(e) + key, column = head * e.head_size;
  store_key_gradient<T, Tiling>(a.dk, row, column, keys, e.head_size, a.aligned, dk);
  store_key_gradient<T, Tiling>(a.dv, row, column, keys, e.head_size, a.aligned, dv);
}

template <typename T, typename Tiling>
cudaError_t launch_backward(cudaStream_t stream, BackwardCall<T> call) {
  const AttentionExtents& e = call.extents;
  const Index heads = e.heads * e.batch;
  cudaError_t status = cudaSuccess;
  if (e.query_length > 0) {
    call.tiles = blocks_of(e.query_length, Tiling::rows);
    status =
        launch_tiles(query_kernel<T, Tiling>, call.tiles * heads, Tiling::bytes(2), stream, call);
  }
  if (status != cudaSuccess) return status;
  call.tiles = blocks_of(e.key_rows, Tiling::rows);
  return launch_tiles(key_kernel<T, Tiling>, call.tiles * heads, Tiling::bytes(2), stream, call);
}

template <typename T>
cudaError_t backward_typed(cudaStream_t stream, Array dq, Array dk, Array dv,
                           const AttentionInputs& in, const AttentionScratch& scratch,
                           const AttentionExtents& e) {
  using A = Accumulator<T>;
  constexpr int n = pack_size<T>;
  const bool grouped = e.heads != e.kv_heads;
  bool aligned = e.head_size % n == 0;
  for (const ConstArray& x :
       {ConstArray(dq), ConstArray(dk), ConstArray(dv), in.dout, in.q, in.k, in.v, in.o})
    aligned = aligned && rows_aligned<n, T>(x);
  A* const delta = static_cast<A*>(scratch.delta.data);
  const Index rows = e.batch * e.heads * e.query_length;
  if (rows > 0)
    delta_kernel<T><<<grid_of(blocks_of(rows, delta_warps)), delta_threads, 0, stream>>>(
        delta, rows_of<T>(in.dout), rows_of<T>(in.o), e, aligned);
  const BackwardCall<T> call{rows_of<T>(dq),
                             grouped ? scratch.dk : dk,
                             grouped ? scratch.dv : dv,
                             rows_of<T>(in.dout),
                             rows_of<T>(in.q),
                             rows_of<T>(in.k),
                             rows_of<T>(in.v),
                             static_cast<const A*>(in.stats.data),
                             delta,
                             e,
                             0,
                             aligned};
  cudaError_t status = with_tiles<T>(e.head_size, [&]<typename Tiling>(Tiling) {
    return launch_backward<T, Tiling>(stream, call);
  });
  if (status == cudaSuccess && grouped) status = sum_heads<A>(stream, dk, scratch.dk, e);
  if (status == cudaSuccess && grouped) status = sum_heads<A>(stream, dv, scratch.dv, e);
  return status;
}

}  // namespace

cudaError_t attention_backward(cudaStream_t stream, Array dq, Array dk, Array dv,
                               const AttentionInputs& in, const AttentionScratch& scratch,
                               const AttentionExtents& extents) {
  if (extents.batch * extents.heads * extents.key_rows == 0) return cudaSuccess;
  return with_type(in.q.dtype, [&]<typename T>(T) {
    return backward_typed<T>(stream, dq, dk, dv, in, scratch, extents);
  });
}

}  // namespace tokenwerk::cuda
