#pragma once
/// Kernels that treat every element alone: a thread takes one pack.

#include "core/cuda/kernels/device.cuh"

namespace tokenwerk::cuda {

inline constexpr int map_threads = 256;

/// Quotient and remainder of an index; one that fits 32 bits divides in a quarter of the time.
struct Split {
  Index quotient, remainder;
  __device__ __forceinline__ Split(Index i, Index by) {
    if (i >> 32 == 0 && by >> 32 == 0) {
      quotient = static_cast<std::uint32_t>(i) / static_cast<std::uint32_t>(by);
    } else {
      quotient = i / by;
    }
    remainder = i - quotient * by;
  }
};

template <int n, typename Operation>
__global__ void __launch_bounds__(map_threads)
    map_kernel(Operation operation, Index rows, Index packs) {
  const Index step = static_cast<Index>(gridDim.x) * map_threads;
  for (Index i = static_cast<Index>(blockIdx.x) * map_threads + threadIdx.x; i < rows * packs;
       i += step) {
    const Split at(i, packs);
    operation.template run<n>(at.quotient, at.remainder * n);
  }
}

/// What a grid may have of blocks in x; threads stride beyond.
inline constexpr Index most_blocks = Index{1} << 20;

/// Calls operation.run<n>(row, column) for every n elements of (rows, columns) on the device, n
/// being `pack` where `aligned` says that every operand allows it, otherwise 1.
template <int pack, typename Operation>
cudaError_t map(cudaStream_t stream, Index rows, Index columns, bool aligned,
                const Operation& operation) {
  if (rows == 0 || columns == 0) return cudaSuccess;
  const Index packs = aligned ? columns / pack : columns;
  const Index blocks = std::min(most_blocks, (rows * packs + map_threads - 1) / map_threads);
  if (aligned)
    map_kernel<pack>
        <<<static_cast<unsigned>(blocks), map_threads, 0, stream>>>(operation, rows, packs);
  else
    map_kernel<1>
        <<<static_cast<unsigned>(blocks), map_threads, 0, stream>>>(operation, rows, packs);
  return cudaGetLastError();
}

/// Dense arrays are one row, so that packs go across the ends of short rows.
template <typename... Arrays>
void flatten(Index& rows, Index& columns, Arrays&... arrays) {
  const bool dense = ((arrays.row_stride == arrays.columns || arrays.rows == 1) && ...);
  if (!dense) return;
  ((arrays.columns *= arrays.rows, arrays.row_stride = arrays.columns, arrays.rows = 1), ...);
  columns *= rows;
  rows = 1;
}

template <int n, typename Operation>
__global__ void __launch_bounds__(map_threads) map_rows_kernel(Operation operation, Index columns) {
  const auto row = operation.row(blockIdx.x);
  for (Index column = static_cast<Index>(threadIdx.x) * n; column < columns;
       column += static_cast<Index>(blockDim.x) * n)
    row.template run<n>(column);
}

/// The same with a block for each row: what operation.row(row) finds out of it, its run<n>(column)
/// uses for all of the row's elements.
template <int pack, typename Operation>
cudaError_t map_rows(cudaStream_t stream, Index rows, Index columns, bool aligned,
                     const Operation& operation) {
  if (rows == 0 || columns == 0) return cudaSuccess;
  const Index packs = aligned ? columns / pack : columns;
  const Index threads = std::min<Index>(map_threads, blocks_of(packs, warp_size) * warp_size);
  if (aligned)
    map_rows_kernel<pack><<<grid_of(rows), grid_of(threads), 0, stream>>>(operation, columns);
  else
    map_rows_kernel<1><<<grid_of(rows), grid_of(threads), 0, stream>>>(operation, columns);
  return cudaGetLastError();
}

}  // namespace tokenwerk::cuda
