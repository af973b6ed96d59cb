#pragma once
/// exp, expm1, tanh and log of sixteen lanes. In f32 they are polynomials of our own (coefficients
/// by a minimax fit to the function's relative error), so that bits depend neither on a C library
/// nor on the instruction set; f64, which serves gradient tests, asks the C library lane by lane.

#include "core/cpu/simd.h"

namespace tokenwerk::cpu::TW_ISA {
namespace math {

inline constexpr float log2_e = 1.44269504088896341f;
inline constexpr float ln2_high = 0x1.62e4p-1f;  // 14 bits: products with exponents are exact
inline constexpr float ln2_low = 1.4286068e-06f;
inline constexpr float shift = 0x1.8p23f;  // adding it rounds to an integer in the low bits

TW_INLINE F32x16 constant(float value) { return broadcast(value); }

/// An argument split as x = n ln 2 + r, |r| <= ln(2) / 2.
struct Reduced {
  I32x16 n;
  F32x16 r;
};
TW_INLINE Reduced reduce(F32x16 x) {
  const F32x16 shifted = fma(x, constant(log2_e), constant(shift));
  const F32x16 n = shifted - shift;
  const F32x16 r = fma(n, constant(-ln2_low), fma(n, constant(-ln2_high), x));
  return {(I32x16)shifted - (I32x16)constant(shift), r};
}

/// exp(r) - 1 - r for |r| <= ln(2) / 2, to 2^-31 of exp(r) - 1.
TW_INLINE F32x16 exp_tail(F32x16 r) {
  F32x16 p = constant(1.98458863e-4f);
  p = fma(p, r, constant(1.39407442e-3f));
  p = fma(p, r, constant(8.33338963e-3f));
  p = fma(p, r, constant(4.16663595e-2f));
  p = fma(p, r, constant(1.66666664e-1f));
  p = fma(p, r, constant(0.5f));
  return r * r * p;
}

/// 2^n for -126 <= n <= 127.
TW_INLINE F32x16 power_of_two(I32x16 n) { return (F32x16)((n + 127) << 23); }

}  // namespace math

/// e^x within 1 ulp; zero below -104, infinity above 88.73, NaN for NaN.
TW_INLINE F32x16 exp(F32x16 x) {
  // The constants come first: max and min then keep a NaN.
  const F32x16 above = max(math::constant(-104.0f), x);
  const auto [n, r] = math::reduce(min(math::constant(89.0f), above));
  const I32x16 half = n >> 1;  // two factors: the result may be subnormal
  return (1.0f + (r + math::exp_tail(r))) * math::power_of_two(half) * math::power_of_two(n - half);
}

/// e^x within 2 ulp for x <= 0, zero below -87: what a softmax needs, at half the cost.
TW_INLINE F32x16 exp_of_negative(F32x16 x) {
  const F32x16 shifted = fma(x, math::constant(math::log2_e), math::constant(math::shift));
  const F32x16 n = shifted - math::shift;
  const F32x16 r =
      fma(n, math::constant(-math::ln2_low), fma(n, math::constant(-math::ln2_high), x));
  F32x16 p = math::constant(1.38825047e-3f);
  p = fma(p, r, math::constant(8.36659578e-3f));
  p = fma(p, r, math::constant(4.16672023e-2f));
  p = fma(p, r, math::constant(1.66665431e-1f));
  p = fma(p, r, math::constant(0.5f));
  p = fma(p, r, math::constant(1.0f));
  p = fma(p, r, math::constant(1.0f));
  // The shift's own bits leave n in the low ones, which move into the exponent.
  const F32x16 value = (F32x16)((U32x16)p + ((U32x16)shifted << 23));
  return x < -87.0f ? F32x16{} : value;
}

/// e^x - 1 within 2 ulp for -87 <= x <= 88.
TW_INLINE F32x16 expm1(F32x16 x) {
  const auto [n, r] = math::reduce(x);
  const F32x16 power = math::power_of_two(n);
  return fma(power, r + math::exp_tail(r), power - 1.0f);
}

/// tanh(x) = expm1(2|x|) / (expm1(2|x|) + 2) with the sign of x: within 3 ulp, also near zero.
TW_INLINE F32x16 tanh(F32x16 x) {
  const U32x16 sign = (U32x16)x & 0x80000000u;
  const F32x16 magnitude = (F32x16)((U32x16)x & 0x7fffffffu);
  const F32x16 bounded = min(math::constant(9.5f), magnitude);  // beyond, tanh rounds to 1
  const F32x16 e = expm1(bounded + bounded);
  return (F32x16)((U32x16)(e / (e + 2.0f)) | sign);
}

/// ln(x) within 2 ulp; -infinity at zero, NaN below.
TW_INLINE F32x16 log(F32x16 x) {
  const I32x16 subnormal = x < 0x1p-126f;
  const F32x16 scaled = subnormal ? x * 0x1p25f : x;
  // The mantissa in [sqrt(1/2), sqrt(2)): its logarithm is small where x is close to one.
  const I32x16 offset = (I32x16)scaled - 0x3f3504f3;
  const I32x16 exponent = offset >> 23;
  const F32x16 f = (F32x16)((offset & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const F32x16 k = __builtin_convertvector(subnormal ? exponent - 25 : exponent, F32x16);
  // ln(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)) with s = f / (2 + f), from 2 atanh(s).
  const F32x16 s = f / (2.0f + f);
  const F32x16 z = s * s;
  const F32x16 square = 0.5f * f * f;
  F32x16 p = math::constant(0.298744226f);
  p = fma(p, z, math::constant(0.399774494f));
  p = fma(p, z, math::constant(0.666667771f));
  const F32x16 tail = fma(s, fma(p, z, square), k * math::ln2_low) - square;
  const F32x16 value = fma(k, math::constant(math::ln2_high), tail + f);
  const F32x16 infinity = math::constant(__builtin_inff());
  const F32x16 at_most_zero = x == 0.0f ? -infinity : math::constant(__builtin_nanf(""));
  const F32x16 finite = x > 0.0f ? value : at_most_zero;
  return x == infinity ? infinity : finite;
}

TW_INLINE F64x16 exp(F64x16 x) {
  for (int i = 0; i < lanes; ++i) x[i] = __builtin_exp(x[i]);
  return x;
}
TW_INLINE F64x16 exp_of_negative(F64x16 x) { return exp(x); }
TW_INLINE F64x16 expm1(F64x16 x) {
  for (int i = 0; i < lanes; ++i) x[i] = __builtin_expm1(x[i]);
  return x;
}
TW_INLINE F64x16 tanh(F64x16 x) {
  for (int i = 0; i < lanes; ++i) x[i] = __builtin_tanh(x[i]);
  return x;
}
TW_INLINE F64x16 log(F64x16 x) {
  for (int i = 0; i < lanes; ++i) x[i] = __builtin_log(x[i]);
  return x;
}

}  // namespace tokenwerk::cpu::TW_ISA
