#pragma once
/// exp, expm1, tanh and log of sixteen lanes. In f32 they are polynomials of our own (coefficients
/// by a minimax fit to the function's relative error), so that bits depend neither on a C library
/// nor on the instruction set; f64, which serves gradient tests, asks the C library lane by lane.

#include "core/cpu/registers.h"

namespace tokenwerk::cpu::TW_ISA {
namespace math {

using Floats = Register<float>;
using Ints = Register<std::int32_t>;
using Words = Register<std::uint32_t>;

inline constexpr float log2_e = 1.44269504088896341f;
inline constexpr float ln2_high = 0x1.62e4p-1f;  // 14 bits: products with exponents are exact
inline constexpr float ln2_low = 1.4286068e-06f;
inline constexpr float shift = 0x1.8p23f;  // adding it rounds to an integer in the low bits

TW_INLINE Floats constant(float value) { return fill_register(value); }

/// An argument split as x = n ln 2 + r, |r| <= ln(2) / 2.
struct Reduced {
  Ints n;
  Floats r;
};
TW_INLINE Reduced reduce(Floats x) {
  const Floats shifted = multiply_add(x, constant(log2_e), constant(shift));
  const Floats n = shifted - shift;
  const Floats r = multiply_add(n, constant(-ln2_low), multiply_add(n, constant(-ln2_high), x));
  return {(Ints)shifted - (Ints)constant(shift), r};
}

/// exp(r) - 1 - r for |r| <= ln(2) / 2, to 2^-31 of exp(r) - 1.
TW_INLINE Floats exp_tail(Floats r) {
  Floats p = constant(1.98458863e-4f);
  p = multiply_add(p, r, constant(1.39407442e-3f));
  p = multiply_add(p, r, constant(8.33338963e-3f));
  p = multiply_add(p, r, constant(4.16663595e-2f));
  p = multiply_add(p, r, constant(1.66666664e-1f));
  p = multiply_add(p, r, constant(0.5f));
  return r * r * p;
}

/// 2^n for -126 <= n <= 127.
TW_INLINE Floats power_of_two(Ints n) { return (Floats)((n + 127) << 23); }

/// e^x within 1 ulp; zero below -104, infinity above 88.73, NaN for NaN.
TW_INLINE Floats exp(Floats x) {
  const Floats above = x < -104.0f ? constant(-104.0f) : x;
  const auto [n, r] = reduce(above > 89.0f ? constant(89.0f) : above);
  const Ints half = n >> 1;  // two factors: the result may be subnormal
  return (1.0f + (r + exp_tail(r))) * power_of_two(half) * power_of_two(n - half);
}

/// e^x within 2 ulp for x <= 0, zero below -87: what a softmax needs, at half the cost.
TW_INLINE Floats exp_of_negative(Floats x) {
  const Floats shifted = multiply_add(x, constant(log2_e), constant(shift));
  const Floats n = shifted - shift;
  const Floats r = multiply_add(n, constant(-ln2_low), multiply_add(n, constant(-ln2_high), x));
  Floats p = constant(1.38825047e-3f);
  p = multiply_add(p, r, constant(8.36659578e-3f));
  p = multiply_add(p, r, constant(4.16672023e-2f));
  p = multiply_add(p, r, constant(1.66665431e-1f));
  p = multiply_add(p, r, constant(0.5f));
  p = multiply_add(p, r, constant(1.0f));
  p = multiply_add(p, r, constant(1.0f));
  // The shift's own bits leave n in the low ones, which move into the exponent.
  const Floats value = (Floats)((Words)p + ((Words)shifted << 23));
  return x < -87.0f ? Floats{} : value;
}

/// e^x - 1 within 2 ulp for -87 <= x <= 88.
TW_INLINE Floats expm1(Floats x) {
  const auto [n, r] = reduce(x);
  const Floats power = power_of_two(n);
  return multiply_add(power, r + exp_tail(r), power - 1.0f);
}

/// tanh(x) = expm1(2|x|) / (expm1(2|x|) + 2) with the sign of x: within 3 ulp, also near zero.
TW_INLINE Floats tanh(Floats x) {
  const Words sign = (Words)x & 0x80000000u;
  const Floats magnitude = (Floats)((Words)x & 0x7fffffffu);
  const Floats bounded = magnitude > 9.5f ? constant(9.5f) : magnitude;  // tanh rounds to 1
  const Floats e = expm1(bounded + bounded);
  return (Floats)((Words)(e / (e + 2.0f)) | sign);
}

/// ln(x) within 2 ulp; -infinity at zero, NaN below.
TW_INLINE Floats log(Floats x) {
  const Ints subnormal = x < 0x1p-126f;
  const Floats scaled = subnormal ? x * 0x1p25f : x;
  // The mantissa in [sqrt(1/2), sqrt(2)): its logarithm is small where x is close to one.
  const Ints offset = (Ints)scaled - 0x3f3504f3;
  const Ints exponent = offset >> 23;
  const Floats f = (Floats)((offset & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const Floats k = __builtin_convertvector(subnormal ? exponent - 25 : exponent, Floats);
  // ln(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)) with s = f / (2 + f), from 2 atanh(s).
  const Floats s = f / (2.0f + f);
  const Floats z = s * s;
  const Floats square = 0.5f * f * f;
  Floats p = constant(0.298744226f);
  p = multiply_add(p, z, constant(0.399774494f));
  p = multiply_add(p, z, constant(0.666667771f));
  const Floats tail = multiply_add(s, multiply_add(p, z, square), k * ln2_low) - square;
  const Floats value = multiply_add(k, constant(ln2_high), tail + f);
  const Floats infinity = constant(__builtin_inff());
  const Floats at_most_zero = x == 0.0f ? -infinity : constant(__builtin_nanf(""));
  const Floats finite = x > 0.0f ? value : at_most_zero;
  return x == infinity ? infinity : finite;
}

TW_INLINE Register<double> exp_of_negative(Register<double> x) {
  for (int i = 0; i < width_of<double>; ++i) x[i] = __builtin_exp(x[i]);
  return x;
}

}  // namespace math

/// The functions above for sixteen lanes, with their ranges and errors.
TW_INLINE F32x16 exp(F32x16 x) {
  return by_registers(x, [](math::Floats v) { return math::exp(v); });
}
TW_INLINE F32x16 exp_of_negative(F32x16 x) {
  return by_registers(x, [](math::Floats v) { return math::exp_of_negative(v); });
}
TW_INLINE F32x16 expm1(F32x16 x) {
  return by_registers(x, [](math::Floats v) { return math::expm1(v); });
}
TW_INLINE F32x16 tanh(F32x16 x) {
  return by_registers(x, [](math::Floats v) { return math::tanh(v); });
}
TW_INLINE F32x16 log(F32x16 x) {
  return by_registers(x, [](math::Floats v) { return math::log(v); });
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
