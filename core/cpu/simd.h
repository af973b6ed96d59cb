#pragma once
/// Sixteen lanes, whatever the instruction set: the one vector type of the kernels.
///
/// A file in core/cpu/kernels/ is compiled once per instruction set, with TW_ISA naming the
/// namespace. All lanes do the same arithmetic in the same order in each of them, so that results
/// agree to the last bit; only speed differs. Everything here is inlined and lives in that
/// namespace: an AVX-512 copy of a shared inline function must never reach a CPU without it. For
/// the same reason a kernel file includes nothing but this header and the one that declares its
/// table.

#include <immintrin.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

#ifndef TW_ISA
#error "simd.h is for kernel files, which the build compiles with TW_ISA defined"
#endif

#define TW_INLINE [[gnu::always_inline]] static inline

namespace tokenwerk::cpu::TW_ISA {

inline constexpr int lanes = 16;

/// Sixteen values of T as one vector of the compiler.
template <typename T>
struct LanesOf {
  typedef T type __attribute__((vector_size(lanes * sizeof(T))));
};
template <typename T>
using Lanes = typename LanesOf<T>::type;

using F32x16 = Lanes<float>;
using F64x16 = Lanes<double>;
using I32x16 = Lanes<std::int32_t>;
using U32x16 = Lanes<std::uint32_t>;
using U16x16 = Lanes<std::uint16_t>;

/// bf16 as the kernels see it: BFloat16 of core/dtype.h has the same layout.
enum class Bf16 : std::uint16_t {};

/// The type in which a kernel computes with values of T: f64 for f64, else f32.
template <typename T>
struct AccumulatorOf {
  using type = float;
};
template <>
struct AccumulatorOf<double> {
  using type = double;
};
template <typename T>
using Accumulator = typename AccumulatorOf<T>::type;

template <typename A>
TW_INLINE Lanes<A> broadcast(A value) {
  return value - Lanes<A>{};  // x - 0 keeps the sign of zero
}

// ---- load and store: sixteen elements, or the first n with zeros behind them ----

TW_INLINE F32x16 load(const float* p) {
  F32x16 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
TW_INLINE F64x16 load(const double* p) {
  F64x16 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
TW_INLINE F32x16 load(const Bf16* p) {
#if defined(__AVX512F__)
  const U32x16 wide =
      (U32x16)_mm512_maskz_cvtepu16_epi32(0xffff, _mm256_loadu_si256((const __m256i*)p));
#elif defined(__AVX2__)
  const __m256i low = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p));
  const __m256i high = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p + 1));
  U32x16 wide;
  std::memcpy(&wide, &low, 32);
  std::memcpy((char*)&wide + 32, &high, 32);
#else
  U16x16 half;
  std::memcpy(&half, p, sizeof half);
  const U32x16 wide = __builtin_convertvector(half, U32x16);
#endif
  return (F32x16)(wide << 16);
}

TW_INLINE void store(float* p, F32x16 v) { std::memcpy(p, &v, sizeof v); }
TW_INLINE void store(double* p, F64x16 v) { std::memcpy(p, &v, sizeof v); }
/// Rounds to nearest, ties to even; NaN stays NaN.
TW_INLINE void store(Bf16* p, F32x16 v) {
  const U32x16 u = (U32x16)v;
  const U32x16 rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  const U32x16 quiet = (u >> 16) | 0x40u;
  // What the compiler would narrow, and on narrow registers compare, element by element.
#if defined(__AVX512F__)
  const U32x16 upper = v != v ? quiet : rounded;
  _mm256_storeu_si256((__m256i*)p, _mm512_maskz_cvtepi32_epi16(0xffff, (__m512i)upper));
#else
  const U32x16 nan = (U32x16)((0x7f800000 - (I32x16)(u & 0x7fffffffu)) >> 31);
  const U32x16 upper = (quiet & nan) | (rounded & ~nan);
#if defined(__AVX2__)
  __m256i low, high;
  std::memcpy(&low, &upper, 32);
  std::memcpy(&high, (const char*)&upper + 32, 32);
  const __m256i mixed = _mm256_packus_epi32(low, high);
  _mm256_storeu_si256((__m256i*)p, _mm256_permute4x64_epi64(mixed, 0xd8));
#else
  const U16x16 half = __builtin_convertvector(upper, U16x16);
  std::memcpy(p, &half, sizeof half);
#endif
#endif
}

template <typename T>
TW_INLINE Lanes<Accumulator<T>> load_first(const T* p, std::int64_t n) {
  T buffer[lanes] = {};
  std::memcpy(buffer, p, static_cast<std::size_t>(n) * sizeof(T));
  return load(buffer);
}
template <typename T>
TW_INLINE void store_first(T* p, Lanes<Accumulator<T>> v, std::int64_t n) {
  T buffer[lanes];
  store(buffer, v);
  std::memcpy(p, buffer, static_cast<std::size_t>(n) * sizeof(T));
}

template <typename T>
TW_INLINE Accumulator<T> load_one(const T* p) {
  return *p;
}
TW_INLINE float load_one(const Bf16* p) {
  const std::uint32_t u = static_cast<std::uint32_t>(*p) << 16;
  float value;
  std::memcpy(&value, &u, sizeof value);
  return value;
}

/// Calls body(i, n) for 0, 16, 32, ... below count; n is 16 but for the last call. Together with
/// load_first / store_first, body and tail share their arithmetic.
template <typename Body>
TW_INLINE void for_lanes(std::int64_t count, Body body) {
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) body(i, std::integral_constant<int, lanes>{});
  if (i < count) body(i, count - i);
}
template <typename T>
TW_INLINE auto load_first(const T* p, std::integral_constant<int, lanes>) {
  return load(p);
}
template <typename T>
TW_INLINE void store_first(T* p, Lanes<Accumulator<T>> v, std::integral_constant<int, lanes>) {
  store(p, v);
}

// ---- arithmetic ----

/// a * b + c with one rounding.
TW_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
#if defined(__AVX512F__)
  return (F32x16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#else
  F32x16 out;
#if defined(__FMA__)
  for (int half = 0; half < 2; ++half) {
    __m256 x, y, z;
    std::memcpy(&x, (const char*)&a + 32 * half, 32);
    std::memcpy(&y, (const char*)&b + 32 * half, 32);
    std::memcpy(&z, (const char*)&c + 32 * half, 32);
    z = _mm256_fmadd_ps(x, y, z);
    std::memcpy((char*)&out + 32 * half, &z, 32);
  }
#else
  for (int i = 0; i < lanes; ++i) out[i] = __builtin_fmaf(a[i], b[i], c[i]);
#endif
  return out;
#endif
}
TW_INLINE F64x16 fma(F64x16 a, F64x16 b, F64x16 c) {
  F64x16 out;
  for (int i = 0; i < lanes; ++i) out[i] = __builtin_fma(a[i], b[i], c[i]);
  return out;
}

/// a < b ? c : d, lane by lane. Written for each register by itself: the compiler compares vectors
/// that are wider than one element by element.
template <typename V>
TW_INLINE V if_less(V a, V b, V c, V d) {
#if defined(__AVX512F__)
  constexpr int bytes = 64;
#elif defined(__AVX2__)
  constexpr int bytes = 32;
#else
  constexpr int bytes = 16;
#endif
  typedef std::remove_reference_t<decltype(a[0])> Register __attribute__((vector_size(bytes)));
  for (unsigned i = 0; i < sizeof(V); i += bytes) {
    Register x, y, z, w;
    std::memcpy(&x, (const char*)&a + i, bytes);
    std::memcpy(&y, (const char*)&b + i, bytes);
    std::memcpy(&z, (const char*)&c + i, bytes);
    std::memcpy(&w, (const char*)&d + i, bytes);
    w = x < y ? z : w;
    std::memcpy((char*)&d + i, &w, bytes);
  }
  return d;
}

/// The second where one of them is NaN.
template <typename V>
TW_INLINE V max(V a, V b) {
  return if_less(b, a, a, b);
}
template <typename V>
TW_INLINE V min(V a, V b) {
  return if_less(a, b, a, b);
}

/// By intrinsics, because the compiler keeps sqrtf scalar for the sake of errno.
TW_INLINE F32x16 sqrt(F32x16 v) {
#if defined(__AVX512F__)
  return (F32x16)_mm512_maskz_sqrt_ps(0xffff, (__m512)v);
#else
  for (int quarter = 0; quarter < 4; ++quarter) {
    __m128 x;
    std::memcpy(&x, (const char*)&v + 16 * quarter, 16);
    x = _mm_sqrt_ps(x);
    std::memcpy((char*)&v + 16 * quarter, &x, 16);
  }
  return v;
#endif
}
TW_INLINE float sqrt(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }
TW_INLINE double sqrt(double x) { return __builtin_sqrt(x); }
TW_INLINE F64x16 sqrt(F64x16 v) {
  for (int i = 0; i < lanes; ++i) v[i] = __builtin_sqrt(v[i]);
  return v;
}

/// The lower or the upper half of a vector's lanes.
template <typename V>
struct HalvesOf {
  typedef std::remove_reference_t<decltype(V{}[0])> Half
      __attribute__((vector_size(sizeof(V) / 2)));
  Half low, high;
};
template <typename V>
TW_INLINE HalvesOf<V> halves_of(V v) {
  HalvesOf<V> out;
  std::memcpy(&out.low, &v, sizeof(V) / 2);
  std::memcpy(&out.high, (const char*)&v + sizeof(V) / 2, sizeof(V) / 2);
  return out;
}

/// Sum of the lanes by a fixed tree: 8 apart, then 4, 2, 1.
template <typename V>
TW_INLINE auto sum_of(V v) {
  if constexpr (sizeof(V) == 2 * sizeof(v[0])) {
    return v[0] + v[1];
  } else {
    const auto [low, high] = halves_of(v);
    return sum_of(low + high);
  }
}
template <typename V>
TW_INLINE auto max_of(V v) {
  if constexpr (sizeof(V) == 2 * sizeof(v[0])) {
    return v[0] > v[1] ? v[0] : v[1];
  } else {
    const auto [low, high] = halves_of(v);
    return max_of(low > high ? low : high);
  }
}

}  // namespace tokenwerk::cpu::TW_ISA
