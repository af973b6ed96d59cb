#pragma once
/// What kernels share: types, 16-byte packs, sums over a block in a fixed order.

#include <cuda_bf16.h>

#include <algorithm>
#include <type_traits>

#include "core/cuda/kernels/array.h"

namespace tokenwerk::cuda {

using bf16 = __nv_bfloat16;

/// The type in which sums over T are kept.
template <typename T>
using Accumulator = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <typename A>
__device__ __forceinline__ A widened(float x) {
  return static_cast<A>(x);
}
template <typename A>
__device__ __forceinline__ A widened(double x) {
  return static_cast<A>(x);
}
template <typename A>
__device__ __forceinline__ A widened(bf16 x) {
  return static_cast<A>(__bfloat162float(x));
}

/// To T, to nearest, ties to even.
template <typename T>
__device__ __forceinline__ T rounded(float x) {
  if constexpr (std::is_same_v<T, bf16>)
    return __float2bfloat16(x);
  else
    return static_cast<T>(x);
}
template <typename T>
__device__ __forceinline__ T rounded(double x) {
  if constexpr (std::is_same_v<T, bf16>)
    return __float2bfloat16(static_cast<float>(x));
  else
    return static_cast<T>(x);
}

/// Elements that travel in one access of up to 16 bytes.
template <typename T, int n>
struct alignas(sizeof(T) * n) Pack {
  T values[n];
};
/// Elements of T in 16 bytes.
template <typename T>
inline constexpr int pack_size = 16 / static_cast<int>(sizeof(T));

template <int n, typename T>
__device__ __forceinline__ Pack<T, n> load(const T* from) {
  return *reinterpret_cast<const Pack<T, n>*>(from);
}
template <int n, typename T>
__device__ __forceinline__ void store(T* to, const Pack<T, n>& pack) {
  *reinterpret_cast<Pack<T, n>*>(to) = pack;
}

/// Whether every row of the array begins where packs of n elements do.
template <int n, typename T>
bool packs_fit(const ConstArray& x) {
  return reinterpret_cast<std::uintptr_t>(x.data) % (sizeof(T) * n) == 0 && x.columns % n == 0 &&
         (x.rows <= 1 || x.row_stride % n == 0);
}

inline constexpr int warp_size = 32;
inline constexpr unsigned all_lanes = 0xffffffffu;

struct Plus {
  template <typename A>
  __device__ A operator()(A a, A b) const {
    return a + b;
  }
};
struct Greater {
  template <typename A>
  __device__ A operator()(A a, A b) const {
    return a > b ? a : b;
  }
};

/// The reduction over a warp, by a butterfly: the same bits in every lane, in every run.
template <typename A, typename Join>
__device__ __forceinline__ A reduce_warp(A value, Join join) {
  for (int distance = warp_size / 2; distance > 0; distance /= 2)
    value = join(value, __shfl_xor_sync(all_lanes, value, distance));
  return value;
}

/// The reduction over a block of `threads`, a multiple of 32, on every thread. All call together;
/// a block may call again at once.
template <int threads, typename A, typename Join>
__device__ A reduce_block(A value, Join join) {
  constexpr int warps = threads / warp_size;
  value = reduce_warp(value, join);
  if constexpr (warps > 1) {
    __shared__ A parts[warps];
    __syncthreads();  // whoever still reads an earlier result
    if (threadIdx.x % warp_size == 0) parts[threadIdx.x / warp_size] = value;
    __syncthreads();
    value = parts[0];
    for (int warp = 1; warp < warps; ++warp) value = join(value, parts[warp]);
  }
  return value;
}

/// Calls body with a T{} of the array's dtype, for the types of f32, bf16 and f64.
template <typename Body>
cudaError_t with_type(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::f32: return body(float{});
    case DType::bf16: return body(bf16{});
    case DType::f64: return body(double{});
    case DType::i32: break;
  }
  return cudaErrorInvalidValue;
}

}  // namespace tokenwerk::cuda
