#pragma once
/// What kernels share: types, 16-byte packs, sums over a block in a fixed order.
///
/// All kernels are compiled with -fmad=false: a product and a sum become one rounding only where
/// the code says multiply_add, so that packs, tails and windows of an array agree in every bit.

#include <cuda_bf16.h>

#include <algorithm>
#include <cstdint>
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

/// a * b + c, rounded once.
__device__ __forceinline__ float multiply_add(float a, float b, float c) { return fmaf(a, b, c); }
__device__ __forceinline__ double multiply_add(double a, double b, double c) {
  return fma(a, b, c);
}

/// Elements that travel in one access of up to 16 bytes.
template <typename T, int n>
struct alignas(sizeof(T) * n) Pack {
  T values[n];
};
/// Elements of T in 16 bytes.
template <typename T>
inline constexpr int pack_size = 16 / static_cast<int>(sizeof(T));

/// A pack as the machine's words.
template <int bytes>
struct Words {
  using Word = std::conditional_t<
      bytes % 16 == 0, uint4,
      std::conditional_t<bytes == 8, uint2,
                         std::conditional_t<bytes == 4, unsigned, unsigned short>>>;
  static constexpr int count = bytes / static_cast<int>(sizeof(Word));
  Word words[count];
};

/// Global memory is written by __stwb, because the compiler splits a plain assignment into the
/// pack's elements where it knows them.
template <int n, typename T>
__device__ __forceinline__ Pack<T, n> load(const T* from) {
  using Bits = Words<sizeof(Pack<T, n>)>;
  Bits bits;
  for (int i = 0; i < Bits::count; ++i)
    bits.words[i] = reinterpret_cast<const typename Bits::Word*>(from)[i];
  return __builtin_bit_cast(Pack<T, n>, bits);
}
template <int n, typename T>
__device__ __forceinline__ void store(T* to, const Pack<T, n>& pack) {
  using Bits = Words<sizeof(Pack<T, n>)>;
  const Bits bits = __builtin_bit_cast(Bits, pack);
  for (int i = 0; i < Bits::count; ++i)
    __stwb(reinterpret_cast<typename Bits::Word*>(to) + i, bits.words[i]);
}

/// Whether packs of n elements begin there.
template <int n, typename T>
__host__ __device__ __forceinline__ bool starts_aligned(const T* data) {
  return reinterpret_cast<std::uintptr_t>(data) % (sizeof(T) * n) == 0;
}

/// Whether every row of the array begins where packs of n elements do.
template <int n, typename T>
bool packs_fit(const ConstArray& x) {
  return starts_aligned<n>(static_cast<const T*>(x.data)) && x.columns % n == 0 &&
         (x.rows <= 1 || x.row_stride % n == 0);
}

/// Whether every row begins where packs of n elements do; a row may end within one.
template <int n, typename T>
bool rows_aligned(const ConstArray& x) {
  return starts_aligned<n>(static_cast<const T*>(x.data)) && (x.rows <= 1 || x.row_stride % n == 0);
}

/// The next n elements of a row of which `left` remain, zeros behind its end; in one access where
/// the row is aligned. Which thread holds which element does not depend on that.
template <int n, typename T>
__device__ __forceinline__ Pack<T, n> load_part(const T* from, Index left, bool aligned) {
  if (aligned && left >= n) return load<n>(from);
  Pack<T, n> out;
  for (int i = 0; i < n; ++i) out.values[i] = i < left ? from[i] : T{};
  return out;
}
template <int n, typename T>
__device__ __forceinline__ void store_part(T* to, const Pack<T, n>& pack, Index left,
                                           bool aligned) {
  if (aligned && left >= n) return store(to, pack);
  for (int i = 0; i < n; ++i)
    if (i < left) to[i] = pack.values[i];
}

/// An operand of a kernel: where its element (row, column) lies.
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

inline constexpr int warp_size = 32;
inline constexpr unsigned all_lanes = 0xffffffffu;

/// The second launch bound, blocks a multiprocessor: without it ptxas spills a few bytes of kernels
/// that hold much, for a block more.
inline constexpr int least_blocks = 1;

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

/// The reduction over a block of at most so many threads, a multiple of 32, on every thread. All
/// call together; a block may call again at once.
template <int most_threads, typename A, typename Join>
__device__ A reduce_block(A value, Join join) {
  value = reduce_warp(value, join);
  if constexpr (most_threads > warp_size) {
    __shared__ A parts[most_threads / warp_size];
    __syncthreads();  // whoever still reads an earlier result
    if (threadIdx.x % warp_size == 0) parts[threadIdx.x / warp_size] = value;
    __syncthreads();
    value = parts[0];
    for (unsigned warp = 1; warp < blockDim.x / warp_size; ++warp) value = join(value, parts[warp]);
  }
  return value;
}

/// Joins up to 65535 values in the order they come by a binary tree of two halves, the first being
/// the largest power of two below the count. Loops over its levels are unrolled, so that levels are
/// registers.
template <typename A>
class Tree {
 public:
  template <typename Join>
  __device__ void add(A value, const Join& join) {
    bool carried = true;
#pragma unroll
    for (int level = 0; level < most_levels; ++level) {
      const bool held = (count_ >> level & 1) != 0;
      if (carried && held) value = join(levels_[level], value);
      // Every level is written: a branch around the write would make the index one of run time.
      levels_[level] = carried && !held ? value : levels_[level];
      carried = carried && held;
    }
    ++count_;
  }
  /// Of at least one value.
  template <typename Join>
  __device__ A total(const Join& join) const {
    A value{};
    bool empty = true;
#pragma unroll
    for (int level = 0; level < most_levels; ++level) {
      if ((count_ >> level & 1) == 0) continue;
      value = empty ? levels_[level] : join(levels_[level], value);
      empty = false;
    }
    return value;
  }

 private:
  static constexpr int most_levels = 16;
  A levels_[most_levels] =
      {};  ///< of the values so far, the whole subtree of 2^level that ends there
  unsigned count_ = 0;
};

/// Blocks of so many units that cover `count`.
constexpr Index blocks_of(Index count, Index unit) { return (count + unit - 1) / unit; }

/// A one-dimensional grid.
inline unsigned grid_of(Index blocks) { return static_cast<unsigned>(blocks); }

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
