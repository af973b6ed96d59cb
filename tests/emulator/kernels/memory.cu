/// Every way to memory: shared, dynamic, constant, vectors, asynchronous copies.

#include <cuda_pipeline.h>

#include "tests/emulator/kernels/kernels.h"

namespace tokenwerk::emulator::kernels {
namespace {

constexpr int tile = 32;
constexpr int tile_rows = 8;

__constant__ float table[8];
__device__ int counter = 7;

template <bool waits>
__global__ void transpose_kernel(float* to, const float* from, int rows, int columns) {
  extern __shared__ float cells[];
  const int column = blockIdx.x * tile + threadIdx.x;
  const int row = blockIdx.y * tile + threadIdx.y;
  for (int j = 0; j < tile; j += tile_rows)
    if (column < columns && row + j < rows)
      cells[(threadIdx.y + j) * (tile + 1) + threadIdx.x] = from[(row + j) * columns + column];
  if (waits) __syncthreads();
  const int to_column = blockIdx.y * tile + threadIdx.x;
  const int to_row = blockIdx.x * tile + threadIdx.y;
  for (int j = 0; j < tile; j += tile_rows)
    if (to_column < rows && to_row + j < columns)
      to[(to_row + j) * rows + to_column] = cells[threadIdx.x * (tile + 1) + threadIdx.y + j];
}

template <bool waits>
void launch_transpose(float* to, const float* from, int rows, int columns) {
  const dim3 grid((columns + tile - 1) / tile, (rows + tile - 1) / tile);
  transpose_kernel<waits>
      <<<grid, dim3(tile, tile_rows), tile*(tile + 1) * sizeof(float)>>>(to, from, rows, columns);
}

__global__ void copy_vectors_kernel(float4* to, const float4* from, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) to[i] = from[i];
}

__global__ void scatter_kernel(float* to, const float* from, int n, int stride) {
  const long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x;
  if (i < n) to[i * stride] = from[i];
}

__global__ void use_symbols_kernel(float* y, int n) {
  const int i = threadIdx.x;
  if (i < n) y[i] = table[i % 8] + static_cast<float>(counter);
  __syncthreads();
  if (i == 0) counter += 1;
}

__global__ void reverse_async_kernel(float* y, const float* x, int n) {
  __shared__ float4 cells[2][32];
  const int lane = threadIdx.x;
  const auto* from = reinterpret_cast<const float4*>(x);
  for (int half = 0; half < 2; ++half) {
    __pipeline_memcpy_async(&cells[half][lane], from + half * 32 + lane, sizeof(float4));
    __pipeline_commit();
  }
  __pipeline_wait_prior(1);
  __syncwarp();
  const float4 first = cells[0][31 - lane];
  __pipeline_wait_prior(0);
  __syncwarp();
  const float4 second = cells[1][31 - lane];
  auto* to = reinterpret_cast<float4*>(y);
  to[lane] = make_float4(second.w, second.z, second.y, second.x);
  to[32 + lane] = make_float4(first.w, first.z, first.y, first.x);
}

__global__ void use_dynamic_shared_kernel(int* y, int n, int last) {
  extern __shared__ int words[];
  const int i = threadIdx.x;
  words[last - i] = i;
  __syncthreads();
  if (i < n) y[i] = words[last - i];
}

}  // namespace

void transpose(float* to, const float* from, int rows, int columns) {
  launch_transpose<true>(to, from, rows, columns);
}

void transpose_with_race(float* to, const float* from, int rows, int columns) {
  launch_transpose<false>(to, from, rows, columns);
}

void copy_vectors(float* to, const float* from, int n) {
  copy_vectors_kernel<<<(n / 4 + 127) / 128, 128>>>(reinterpret_cast<float4*>(to),
                                                    reinterpret_cast<const float4*>(from), n / 4);
}

void scatter(float* to, const float* from, int n, int stride) {
  scatter_kernel<<<(n + 63) / 64, 64>>>(to, from, n, stride);
}

void use_symbols(float* y, int n) { use_symbols_kernel<<<1, n>>>(y, n); }

void set_table(const float* values) {
  cudaMemcpyToSymbolAsync(table, values, sizeof table, 0, cudaMemcpyHostToDevice, nullptr);
}

int* counter_on_device() {
  void* address = nullptr;
  cudaGetSymbolAddress(&address, counter);
  return static_cast<int*>(address);
}

void reverse_async(float* y, const float* x, int n) { reverse_async_kernel<<<1, 32>>>(y, x, n); }

void use_dynamic_shared(int* y, int n, int bytes) {
  use_dynamic_shared_kernel<<<1, 64, bytes>>>(y, n, bytes / 4 - 1);
}

int allow_dynamic_shared(int bytes) {
  return cudaFuncSetAttribute(use_dynamic_shared_kernel,
                              cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
}

int occupancy_of_transpose() {
  int blocks = 0;
  cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, transpose_kernel<true>, 256, 40 * 1024);
  return blocks;
}

}  // namespace tokenwerk::emulator::kernels
