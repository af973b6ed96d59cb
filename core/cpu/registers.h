#pragma once
/// One register of the instruction set as a vector. Sixteen lanes (simd.h) are one type everywhere,
/// but with AVX2 the compiler keeps it in memory. Where lanes do not mix, a kernel may as well work
/// register by register: the bits are the same, and AVX2 is several times faster.

#include "core/cpu/simd.h"

namespace tokenwerk::cpu::TW_ISA {

#if defined(__AVX512F__)
inline constexpr int register_bytes = 64;
#elif defined(__AVX2__)
inline constexpr int register_bytes = 32;
#else
inline constexpr int register_bytes = 16;
#endif

template <typename A>
struct RegisterOf {
  typedef A type __attribute__((vector_size(register_bytes)));
  static constexpr int width = register_bytes / static_cast<int>(sizeof(A));
};
template <typename A>
using Register = typename RegisterOf<A>::type;

/// Lanes of a register.
template <typename A>
inline constexpr int width_of = RegisterOf<A>::width;

template <typename A>
TW_INLINE Register<A> load_register(const A* p) {
  Register<A> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
TW_INLINE Register<float> load_register(const Bf16* p) {
#if defined(__AVX512F__)
  return load(p);
#elif defined(__AVX2__)
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p));
  return (Register<float>)_mm256_slli_epi32(wide, 16);
#else
  Register<float> v;
  for (int i = 0; i < width_of<float>; ++i) v[i] = load_one(p + i);
  return v;
#endif
}
template <typename A>
TW_INLINE void store_register(A* p, Register<A> v) {
  std::memcpy(p, &v, sizeof v);
}
template <typename A>
TW_INLINE Register<A> fill_register(A value) {
  return value - Register<A>{};  // x - 0 keeps the sign of zero
}

/// a * b + c with one rounding.
TW_INLINE Register<float> multiply_add(Register<float> a, Register<float> b, Register<float> c) {
#if defined(__AVX512F__)
  return (Register<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (Register<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  for (int i = 0; i < width_of<float>; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
#endif
}
TW_INLINE Register<double> multiply_add(Register<double> a, Register<double> b,
                                        Register<double> c) {
#if defined(__AVX512F__)
  return (Register<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
  return (Register<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
  for (int i = 0; i < width_of<double>; ++i) c[i] = __builtin_fma(a[i], b[i], c[i]);
  return c;
#endif
}

/// Sixteen lanes through a function of a register.
template <typename Function>
TW_INLINE F32x16 by_registers(F32x16 x, Function function) {
#if defined(__AVX512F__)
  return function(x);
#else
  float values[lanes];
  store(values, x);
  for (int i = 0; i < lanes; i += width_of<float>)
    store_register(values + i, function(load_register(values + i)));
  return load(values);
#endif
}

}  // namespace tokenwerk::cpu::TW_ISA
