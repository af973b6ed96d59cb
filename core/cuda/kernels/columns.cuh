#pragma once
/// Sums over the rows of each column in two stages of fixed order: blocks sum chunks of rows, then
/// the chunks are added in their order.

#include "core/cuda/kernels/columns.h"
#include "core/cuda/kernels/device.cuh"
#include "core/ops/operations.h"

namespace tokenwerk::cuda {

inline constexpr int column_threads = 256, column_warps = column_threads / warp_size;

/// sum over the block's warps, in their order, of what each has for the columns of its tile: on
/// the threads first, first + column_threads, ... of a tile of so many columns, body(column, sum).
template <int columns, typename A, typename Body>
__device__ void add_warps(const A (&parts)[column_warps][columns], const Body& body) {
  for (int column = static_cast<int>(threadIdx.x); column < columns; column += column_threads) {
    A sum = parts[0][column];
    for (int warp = 1; warp < column_warps; ++warp) sum += parts[warp][column];
    body(column, sum);
  }
}

/// partials(chunks, sums * columns): a block sums term over the rows of chunk blockIdx.y for a tile
/// of columns, a thread taking n columns and every eighth row.
/// term.add<n>(total, row, column) adds its terms to total[sums][n].
template <typename T, int sums, int n, typename Term>
__global__ void __launch_bounds__(column_threads)
    column_partials_kernel(Accumulator<T>* partials, Term term, Index rows, Index columns) {
  using A = Accumulator<T>;
  constexpr int tile = warp_size * n;
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  const int warp = static_cast<int>(threadIdx.x) / warp_size;
  const Index start = static_cast<Index>(blockIdx.x) * tile, column = start + lane * n;
  const Index chunk_rows = column_chunk_rows(rows), first = blockIdx.y * chunk_rows;
  const Index last = first + chunk_rows < rows ? first + chunk_rows : rows;
  A total[sums][n] = {};
  if (column < columns)
    for (Index row = first + warp; row < last; row += column_warps) term.add(total, row, column);
  __shared__ A parts[column_warps][tile];
  for (int s = 0; s < sums; ++s) {
    __syncthreads();
    for (int i = 0; i < n; ++i) parts[warp][lane * n + i] = total[s][i];
    __syncthreads();
    A* const out = partials + (static_cast<Index>(blockIdx.y) * sums + s) * columns + start;
    add_warps(parts, [&](int at, A sum) {
      if (start + at < columns) out[at] = sum;
    });
  }
}

/// The results of up to two sums.
template <typename A>
struct ColumnSums {
  A* of[2];
};

/// Adds the chunks of 32 columns of sum blockIdx.y: each warp every eighth one, then the warps.
template <typename A>
__global__ void __launch_bounds__(column_threads)
    add_chunks_kernel(ColumnSums<A> out, const A* partials, Index chunks, Index columns,
                      Write write) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  const int warp = static_cast<int>(threadIdx.x) / warp_size;
  const Index start = static_cast<Index>(blockIdx.x) * warp_size, column = start + lane;
  const Index stride = gridDim.y * columns;
  const A* const from = partials + blockIdx.y * columns + column;
  A total{};
  if (column < columns)
    for (Index chunk = warp; chunk < chunks; chunk += column_warps) total += from[chunk * stride];
  __shared__ A parts[column_warps][warp_size];
  parts[warp][lane] = total;
  __syncthreads();
  add_warps(parts, [&](int at, A sum) {
    if (start + at >= columns) return;
    A* const to = (blockIdx.y == 0 ? out.of[0] : out.of[1]) + start + at;
    *to = write == Write::accumulate ? *to + sum : sum;
  });
}

/// Both stages. `partials` is scratch of (column_chunks(rows), sums * columns).
template <typename T, int sums, int n, typename Term>
cudaError_t sum_columns(cudaStream_t stream, const ColumnSums<Accumulator<T>>& out,
                        const Array& partials, const Term& term, Index rows, Index columns,
                        Write write) {
  using A = Accumulator<T>;
  if (columns == 0) return cudaSuccess;
  A* const chunk_sums = static_cast<A*>(partials.data);
  const Index chunks = column_chunks(rows);
  if (rows > 0) {
    const dim3 grid(grid_of(blocks_of(columns, warp_size * n)), grid_of(chunks));
    column_partials_kernel<T, sums, n>
        <<<grid, column_threads, 0, stream>>>(chunk_sums, term, rows, columns);
  }
  const dim3 grid(grid_of(blocks_of(columns, warp_size)), sums);
  add_chunks_kernel<A>
      <<<grid, column_threads, 0, stream>>>(out, chunk_sums, chunks, columns, write);
  return cudaGetLastError();
}

}  // namespace tokenwerk::cuda
