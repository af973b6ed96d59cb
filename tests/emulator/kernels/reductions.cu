/// Sums over blocks and warps.

#include <cuda_bf16.h>

#include "tests/emulator/kernels/kernels.h"

namespace tokenwerk::emulator::kernels {
namespace {

constexpr int block_size = 256;
constexpr int warp_lanes = 32;

__device__ float sum_over_block(float value) {
  __shared__ float partial[block_size / warp_lanes];
  for (int distance = 16; distance > 0; distance /= 2)
    value += __shfl_xor_sync(~0u, value, distance);
  const int warp = threadIdx.x / warp_lanes;
  const int lane = threadIdx.x % warp_lanes;
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  value = lane < block_size / warp_lanes ? partial[lane] : 0.0f;
  for (int distance = 4; distance > 0; distance /= 2)
    value += __shfl_down_sync(~0u, value, distance);
  return value;
}

__global__ void block_sums_kernel(float* sums, const float* x) {
  const float sum = sum_over_block(x[blockIdx.x * block_size + threadIdx.x]);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void block_sums_bf16_kernel(__nv_bfloat16* sums, const __nv_bfloat16* x) {
  const float value = __bfloat162float(x[blockIdx.x * block_size + threadIdx.x]);
  const float sum = sum_over_block(value);
  if (threadIdx.x == 0) sums[blockIdx.x] = __float2bfloat16(sum);
}

__global__ void histogram_kernel(unsigned* bins, float* total, double* total64,
                                 unsigned long long* count, const unsigned* x, int n) {
  __shared__ unsigned mine[16];
  if (threadIdx.x < 16) mine[threadIdx.x] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    atomicAdd(&mine[x[i] % 16], 1u);
    atomicAdd(total, static_cast<float>(x[i]));
    atomicAdd(total64, static_cast<double>(x[i]));
    atomicAdd(count, 1ull);
  }
  __syncthreads();
  if (threadIdx.x < 16) atomicAdd(&bins[threadIdx.x], mine[threadIdx.x]);
}

__global__ void warp_exchanges_kernel(int* out, const int* x) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int lane = threadIdx.x % warp_lanes;
  const int value = x[i];
  int prefix = value;
  for (int distance = 1; distance < warp_lanes; distance *= 2) {
    const int other = __shfl_up_sync(~0u, prefix, distance);
    if (lane >= distance) prefix += other;
  }
  int* mine = out + 6 * i;
  mine[0] = static_cast<int>(__match_any_sync(~0u, value));
  mine[1] = __reduce_add_sync(~0u, value);
  mine[2] = static_cast<int>(__ballot_sync(~0u, value > 2));
  mine[3] = __any_sync(~0u, value == 3) + 2 * __all_sync(~0u, value < 5);
  mine[4] = prefix;
  mine[5] = __shfl_sync(~0u, value, lane + 1, 8);
}

}  // namespace

void block_sums(float* sums, const float* x, int blocks) {
  block_sums_kernel<<<blocks, block_size>>>(sums, x);
}

void block_sums_bf16(std::uint16_t* sums, const std::uint16_t* x, int blocks) {
  block_sums_bf16_kernel<<<blocks, block_size>>>(reinterpret_cast<__nv_bfloat16*>(sums),
                                                 reinterpret_cast<const __nv_bfloat16*>(x));
}

void histogram(unsigned* bins, float* total, double* total64, unsigned long long* count,
               const unsigned* x, int n) {
  histogram_kernel<<<3, 128>>>(bins, total, total64, count, x, n);
}

void warp_exchanges(int* out, const int* x, int warps) {
  warp_exchanges_kernel<<<1, warps * warp_lanes>>>(out, x);
}

}  // namespace tokenwerk::emulator::kernels
