#pragma once
/// Floating-point formats narrower than f32, and rounding to them.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace tokenwerk::emulator::ptx {

enum class Rounding : std::uint8_t {
  nearest_even,
  to_zero,
  down,
  up,
  nearest_away,
};

/// A format of a sign, `exponent` bits and `mantissa` bits. `has_infinity` is false for e4m3, whose
/// largest pattern is NaN and whose other patterns are all numbers.
struct Format {
  int exponent = 0;
  int mantissa = 0;
  bool has_infinity = true;

  [[nodiscard]] constexpr int bias() const { return (1 << (exponent - 1)) - 1; }
  [[nodiscard]] constexpr std::uint32_t sign_bit() const { return 1u << (exponent + mantissa); }
  [[nodiscard]] constexpr std::uint32_t infinity() const {
    return ((1u << exponent) - 1) << mantissa;
  }
  /// The largest number.
  [[nodiscard]] constexpr std::uint32_t largest() const {
    return has_infinity ? infinity() - 1 : sign_bit() - 2;
  }
  /// The NaN that GPUs produce: all bits set but the sign.
  [[nodiscard]] constexpr std::uint32_t nan() const { return sign_bit() - 1; }
};

inline constexpr Format half_format{5, 10};
inline constexpr Format bfloat_format{8, 7};
inline constexpr Format tf32_format{8, 10};
inline constexpr Format e4m3_format{4, 3, false};
inline constexpr Format e5m2_format{5, 2};

/// Rounds once, from the exact value: subnormals, overflow and ties are as IEEE 754 says.
/// `saturates`: what is too large becomes the largest number instead of infinity.
[[nodiscard]] inline std::uint32_t narrow(double value, const Format& format, Rounding rounding,
                                          bool saturates = false) {
  if (std::isnan(value)) return format.nan();
  const std::uint32_t sign = std::signbit(value) ? format.sign_bit() : 0;
  const double size = std::fabs(value);
  const bool goes_up =
      (rounding == Rounding::up && sign == 0) || (rounding == Rounding::down && sign != 0);
  const int lowest = 1 - format.bias();
  const int exponent = size == 0 ? lowest : std::max(std::ilogb(size), lowest);
  if (std::isinf(size) || exponent > format.bias() + 1) {
    const bool stays = saturates || !format.has_infinity ||
                       (std::isfinite(size) && !goes_up && rounding != Rounding::nearest_even &&
                        rounding != Rounding::nearest_away);
    return sign | (stays ? format.largest() : format.infinity());
  }
  // In units of the last place, which is exact.
  const double scaled = std::ldexp(size, format.mantissa - exponent);
  const double floor = std::floor(scaled);
  const double rest = scaled - floor;
  auto units = static_cast<std::uint32_t>(floor);
  const bool nearest_goes_up =
      rest > 0.5 || (rest == 0.5 && (rounding == Rounding::nearest_away || (units & 1) != 0));
  const bool is_nearest = rounding == Rounding::nearest_even || rounding == Rounding::nearest_away;
  if (rest != 0 && (is_nearest ? nearest_goes_up : goes_up)) ++units;
  // A carry out of the mantissa goes on into the exponent, as it should.
  const std::uint32_t bits =
      (static_cast<std::uint32_t>(exponent - lowest) << format.mantissa) + units;
  if (bits <= format.largest()) return sign | bits;
  const bool becomes_largest = saturates || !format.has_infinity || (!is_nearest && !goes_up);
  return sign | (becomes_largest ? format.largest() : format.infinity());
}

[[nodiscard]] inline double widen(std::uint32_t bits, const Format& format) {
  const std::uint32_t size = bits & (format.sign_bit() - 1);
  const double sign = (bits & format.sign_bit()) != 0 ? -1.0 : 1.0;
  if (size > (format.has_infinity ? format.infinity() : format.largest()))
    return std::numeric_limits<double>::quiet_NaN();
  if (format.has_infinity && size == format.infinity())
    return sign * std::numeric_limits<double>::infinity();
  const auto exponent = static_cast<int>(size >> format.mantissa);
  const std::uint32_t mantissa = size & ((1u << format.mantissa) - 1);
  const std::uint32_t units = exponent == 0 ? mantissa : mantissa | 1u << format.mantissa;
  const int power = (exponent == 0 ? 1 : exponent) - format.bias() - format.mantissa;
  return sign * std::ldexp(static_cast<double>(units), power);
}

struct Half {
  std::uint16_t bits;
};
struct BFloat {
  std::uint16_t bits;
};

/// f32 to bf16, to nearest: what nearly every kernel does.
[[nodiscard]] inline std::uint16_t narrow_to_bfloat(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  return static_cast<std::uint16_t>(value != value ? bfloat_format.nan() : rounded);
}

/// Values as one computes with them: exact for a product or a sum before its only rounding.
[[nodiscard]] inline float widen(float value) { return value; }
[[nodiscard]] inline double widen(double value) { return value; }
[[nodiscard]] inline double widen(Half value) { return widen(value.bits, half_format); }
[[nodiscard]] inline double widen(BFloat value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

template <typename T>
[[nodiscard]] T round_to(double value) {
  if constexpr (std::is_same_v<T, Half>)
    return {static_cast<std::uint16_t>(narrow(value, half_format, Rounding::nearest_even))};
  else if constexpr (std::is_same_v<T, BFloat>) {
    // To f32 with the last bit set where that was not exact: the second rounding then sees ties
    // only where there are some.
    const auto single = static_cast<float>(value);
    auto bits = std::bit_cast<std::uint32_t>(single);
    if (std::fabs(static_cast<double>(single)) > std::fabs(value)) --bits;
    if (static_cast<double>(single) != value && value == value) bits |= 1;
    return {narrow_to_bfloat(std::bit_cast<float>(bits))};
  } else {
    return static_cast<T>(value);
  }
}

}  // namespace tokenwerk::emulator::ptx
