#include "core/cuda/kernels/embedding.h"

#include "core/cuda/kernels/map.cuh"

namespace tokenwerk::cuda {
namespace {

/// Copies a row of the table, or zeros.
template <typename T>
struct CopyRow {
  T* to;
  const T* from;  ///< null: the table does not hold the token
  template <int n>
  __device__ void run(Index column) const {
    store(to + column, from != nullptr ? load<n>(from + column) : Pack<T, n>{});
  }
};
template <typename T>
struct LookUp {
  Rows<T> y;
  Rows<const T> table;
  TableTokens tokens;
  __device__ CopyRow<T> row(Index r) const {
    const Index held = tokens.tokens[r] - tokens.first_token;
    const bool here = held >= 0 && held < tokens.table_rows;
    return {y.at(r, 0), here ? table.at(held, 0) : nullptr};
  }
};

constexpr int gather_threads = 128;

/// Adds rows of dy, whose loads are issued some rows ahead of the sums.
template <int n, typename T, typename A>
__device__ void add_rows(Pack<A, n>& sum, const Rows<const T>& dy, const TokenRow* rows, int count,
                         Index column) {
  constexpr int ahead = 4;
  int i = 0;
  for (; i + ahead <= count; i += ahead) {
    Pack<T, n> next[ahead];
    for (int k = 0; k < ahead; ++k) next[k] = load<n>(dy.at(rows[i + k].row, column));
    for (int k = 0; k < ahead; ++k)
      for (int c = 0; c < n; ++c) sum.values[c] += widened<A>(next[k].values[c]);
  }
  for (; i < count; ++i) {
    const auto next = load<n>(dy.at(rows[i].row, column));
    for (int c = 0; c < n; ++c) sum.values[c] += widened<A>(next.values[c]);
  }
}

/// A block takes a tile of columns of row blockIdx.x of the table.
template <int n, typename T>
__global__ void __launch_bounds__(gather_threads)
    gather_kernel(Rows<Accumulator<T>> dtable, Rows<const T> dy, TokenOrder order, Index columns,
                  Write write) {
  using A = Accumulator<T>;
  const Index column = (static_cast<Index>(blockIdx.y) * blockDim.x + threadIdx.x) * n;
  const std::int32_t first = order.starts[blockIdx.x], last = order.starts[blockIdx.x + 1];
  if (column >= columns || (first == last && write == Write::accumulate)) return;
  A* const to = dtable.at(blockIdx.x, column);
  Pack<A, n> sum{};
  if (write == Write::accumulate) sum = load<n>(to);
  add_rows<n>(sum, dy, order.rows + first, last - first, column);
  store(to, sum);
}

/// First row of the batch that stands at position `token_offset + t`.
__device__ Index first_row_at(const RowPositions& positions, Index t) {
  const Index length = positions.rows_per_sequence;
  return (t + length - positions.first_row % length) % length;
}

/// A map over (rows_per_sequence, columns): each position's row is read once for all sequences.
template <typename T>
struct AddPositions {
  Rows<T> y;
  Rows<const T> table;
  RowPositions positions;
  Index rows;
  template <int n>
  __device__ void run(Index t, Index column) const {
    using A = Accumulator<T>;
    const auto added = load<n>(table.at(positions.token_offset + t, column));
    for (Index r = first_row_at(positions, t); r < rows; r += positions.rows_per_sequence) {
      auto out = load<n>(y.at(r, column));
      for (int i = 0; i < n; ++i)
        out.values[i] = rounded<T>(widened<A>(out.values[i]) + widened<A>(added.values[i]));
      store(y.at(r, column), out);
    }
  }
};

/// A map over dtable: each position adds the sequences in their order.
template <typename T>
struct SumPositions {
  using A = Accumulator<T>;
  Rows<A> dtable;
  Rows<const T> dy;
  RowPositions positions;
  Index rows;
  Write write;
  template <int n>
  __device__ void run(Index position, Index column) const {
    const Index t = position - positions.token_offset;
    const bool used = t >= 0 && t < positions.rows_per_sequence;
    if (!used && write == Write::accumulate) return;
    Pack<A, n> sum{};
    if (write == Write::accumulate) sum = load<n>(dtable.at(position, column));
    if (used)
      for (Index r = first_row_at(positions, t); r < rows; r += positions.rows_per_sequence) {
        const auto d = load<n>(dy.at(r, column));
        for (int i = 0; i < n; ++i) sum.values[i] += widened<A>(d.values[i]);
      }
    store(dtable.at(position, column), sum);
  }
};

}  // namespace

cudaError_t embedding_forward(cudaStream_t stream, Array y, ConstArray tokens, ConstArray table,
                              Index first_token) {
  return with_type(y.dtype, [&]<typename T>(T) {
    constexpr int n = pack_size<T>;
    const TableTokens named{static_cast<const std::int32_t*>(tokens.data), y.rows, first_token,
                            table.rows};
    return map_rows<n>(stream, y.rows, y.columns, packs_fit<n, T>(y) && packs_fit<n, T>(table),
                       LookUp<T>{rows_of<T>(y), rows_of<T>(table), named});
  });
}

cudaError_t embedding_backward(cudaStream_t stream, Array dtable, ConstArray dy,
                               const TokenOrder& order, Write write) {
  if (dtable.rows == 0 || dtable.columns == 0) return cudaSuccess;
  return with_type(dy.dtype, [&]<typename T>(T) {
    using A = Accumulator<T>;
    constexpr int n = pack_size<A>;
    const bool aligned = packs_fit<n, T>(dy) && packs_fit<n, A>(dtable);
    const Index packs = aligned ? dtable.columns / n : dtable.columns;
    const Index threads = std::min<Index>(gather_threads, blocks_of(packs, warp_size) * warp_size);
    const dim3 grid(grid_of(dtable.rows), grid_of(blocks_of(packs, threads)));
    const Rows<A> to = rows_of<A>(dtable);
    if (aligned)
      gather_kernel<n, T>
          <<<grid, grid_of(threads), 0, stream>>>(to, rows_of<T>(dy), order, dtable.columns, write);
    else
      gather_kernel<1, T>
          <<<grid, grid_of(threads), 0, stream>>>(to, rows_of<T>(dy), order, dtable.columns, write);
    return cudaGetLastError();
  });
}

cudaError_t position_embedding_forward(cudaStream_t stream, Array y, ConstArray table,
                                       const RowPositions& positions) {
  return with_type(y.dtype, [&]<typename T>(T) {
    constexpr int n = pack_size<T>;
    return map<n>(stream, positions.rows_per_sequence, y.columns,
                  packs_fit<n, T>(y) && packs_fit<n, T>(table),
                  AddPositions<T>{rows_of<T>(y), rows_of<T>(table), positions, y.rows});
  });
}

cudaError_t position_embedding_backward(cudaStream_t stream, Array dtable, ConstArray dy,
                                        const RowPositions& positions, Write write) {
  return with_type(dy.dtype, [&]<typename T>(T) {
    using A = Accumulator<T>;
    constexpr int n = pack_size<A>;
    return map<n>(stream, dtable.rows, dtable.columns,
                  packs_fit<n, T>(dy) && packs_fit<n, A>(dtable),
                  SumPositions<T>{rows_of<A>(dtable), rows_of<T>(dy), positions, dy.rows, write});
  });
}

}  // namespace tokenwerk::cuda
