/// Sums without rounding (core/exact_sum.h): limbs are whole numbers, which threads add in any
/// order to the same bits.

#include "core/cuda/kernels/device.cuh"
#include "core/cuda/kernels/elementwise.h"

namespace tokenwerk::cuda {
namespace {

constexpr int limbs = 8;
constexpr int exact_threads = 512;

/// The bits of x, not negative and below 2^126, into limbs of 32 bits from 2^-128 on. Every limb is
/// touched, so that all of them stay in registers.
__device__ void add_bits(unsigned long long (&sum)[limbs], double x) {
  const auto all = static_cast<unsigned long long>(__double_as_longlong(x));
  const int exponent = static_cast<int>(all >> 52);
  if (exponent == 0) return;  // zero, or far below the lowest limb
  unsigned long long bits = (all & 0xfffffffffffffull) | 0x10000000000000ull;
  const int shift = exponent - 1075 + 128;  // from the lowest limb to the lowest bit
  if (shift <= -53) return;
  if (shift < 0) bits >>= -shift;
  const int place = shift < 0 ? 0 : shift, limb = place / 32, offset = place % 32;
  const unsigned long long low = bits << offset & 0xffffffffull;
  const unsigned long long rest = offset == 0 ? bits >> 32 : bits >> (32 - offset);
#pragma unroll
  for (int i = 0; i < limbs; ++i) {
    const unsigned long long part = i == limb       ? low
                                    : i == limb + 1 ? rest & 0xffffffffull
                                    : i == limb + 2 ? rest >> 32
                                                    : 0;
    sum[i] += part;
  }
}

__device__ void carry(unsigned long long* sum) {
  for (int i = 0; i + 1 < limbs; ++i) {
    sum[i + 1] += sum[i] >> 32;
    sum[i] &= 0xffffffffull;
  }
}

/// One block, each thread with limbs of its own: a value costs some fifty instructions, and none of
/// them waits for another thread.
__global__ void __launch_bounds__(exact_threads)
    exact_add_kernel(double* stored, const double* x, Index rows, Index columns, Index row_stride) {
  __shared__ unsigned long long sum[limbs];
  if (threadIdx.x < limbs) sum[threadIdx.x] = static_cast<unsigned long long>(stored[threadIdx.x]);
  __syncthreads();
  unsigned long long own[limbs] = {};
  double beyond = 0.0;
  for (Index i = threadIdx.x; i < rows * columns; i += exact_threads) {
    const double value = x[i / columns * row_stride + i % columns];
    if (value >= 0.0 && value < 0x1p126)
      add_bits(own, value);
    else
      beyond += value < 0.0 ? nan("") : value;
  }
#pragma unroll
  for (int i = 0; i < limbs; ++i)
    if (own[i] != 0) atomicAdd(sum + i, own[i]);
  beyond = reduce_block<exact_threads>(beyond, Plus{});
  __syncthreads();
  if (threadIdx.x != 0) return;
  carry(sum);
  for (int i = 0; i < limbs; ++i) stored[i] = static_cast<double>(sum[i]);
  stored[limbs] += beyond;
}

__global__ void exact_total_kernel(double* total, const double* stored) {
  unsigned long long sum[limbs];
  for (int i = 0; i < limbs; ++i) sum[i] = static_cast<unsigned long long>(stored[i]);
  carry(sum);
  double out = stored[limbs];
  for (int i = limbs; i-- > 0;) out += scalbn(static_cast<double>(sum[i]), 32 * i - 128);
  *total = out;
}

}  // namespace

cudaError_t exact_add(cudaStream_t stream, Array sum, ConstArray x) {
  exact_add_kernel<<<1, exact_threads, 0, stream>>>(static_cast<double*>(sum.data),
                                                    static_cast<const double*>(x.data), x.rows,
                                                    x.columns, x.row_stride);
  return cudaGetLastError();
}

cudaError_t exact_total(cudaStream_t stream, Array total, ConstArray sum) {
  exact_total_kernel<<<1, 1, 0, stream>>>(static_cast<double*>(total.data),
                                          static_cast<const double*>(sum.data));
  return cudaGetLastError();
}

}  // namespace tokenwerk::cuda
