#pragma once
/// Kernels that treat every element alone: a thread takes one pack.

#include "core/cuda/kernels/device.cuh"

namespace tokenwerk::cuda {

inline constexpr int map_threads = 256;

template <int n, typename Operation>
__global__ void __launch_bounds__(map_threads)
    map_kernel(Operation operation, Index rows, Index packs) {
  const Index step = static_cast<Index>(gridDim.x) * map_threads;
  for (Index i = static_cast<Index>(blockIdx.x) * map_threads + threadIdx.x; i < rows * packs;
       i += step)
    operation.template run<n>(i / packs, i % packs * n);
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

/// An operand of a map: where its element (row, column) lies.
template <typename T>
struct Rows {
  T* data;
  Index stride;
  __device__ __forceinline__ T* at(Index row, Index column) const {
    return data + row * stride + column;
  }
};
template <typename T>
Rows<T> rows_of(const Array& x) {
  return {static_cast<T*>(x.data), x.row_stride};
}
template <typename T>
Rows<const T> rows_of(const ConstArray& x) {
  return {static_cast<const T*>(x.data), x.row_stride};
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

}  // namespace tokenwerk::cuda
