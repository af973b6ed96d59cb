#pragma once
/// Normal numbers from random words, with the same bits on every machine and device: logarithm,
/// sine and cosine are own series in f64, made of operations that IEEE 754 rounds exactly. Their
/// error is below 1e-14, which no rounding to f32 shows. They are constexpr, so that kernels may
/// call them.

#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "core/philox.h"

namespace tokenwerk {
namespace detail {

/// log(x) for a normal x > 0: with x = m 2^e and m around 1, e log 2 + 2 artanh((m - 1) / (m + 1)).
[[nodiscard]] constexpr double log_of(double x) {
  auto bits = std::bit_cast<std::uint64_t>(x);
  // Moves the cut between two exponents from 1 to sqrt(1/2).
  bits += 0x3ff0000000000000u - 0x3fe6a09e667f3bcdu;
  const int exponent = static_cast<int>(bits >> 52) - 1023;
  bits = (bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu;
  const double m = std::bit_cast<double>(bits);
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double series = 1.0 / 21.0;
  for (int odd = 19; odd > 0; odd -= 2) series = series * z + 1.0 / odd;
  return exponent * std::numbers::ln2 + 2.0 * s * series;
}

struct Direction {
  double cosine, sine;
};

/// Cosine and sine of 2 pi `turns`, for turns in [0, 1): Taylor series around the nearest quarter.
[[nodiscard]] constexpr Direction direction_of(double turns) {
  const int quarter = static_cast<int>(4.0 * turns + 0.5);
  const double t = 2.0 * std::numbers::pi * (turns - 0.25 * quarter), z = t * t;
  double cosine = 1.0, sine = 1.0;
  for (int n = 18; n > 0; n -= 2) {
    cosine = 1.0 - cosine * z * (1.0 / (n * (n - 1)));
    sine = 1.0 - sine * z * (1.0 / (n * (n + 1)));
  }
  sine *= t;
  switch (quarter % 4) {
    case 0: return {cosine, sine};
    case 1: return {-sine, cosine};
    case 2: return {-cosine, -sine};
    default: return {sine, -cosine};
  }
}

}  // namespace detail

struct NormalPair {
  double first, second;
};

/// Two independent N(0, 1) numbers from two words: Box, Muller 1958 ("A note on the generation of
/// random normal deviates"). None is beyond 6.8.
[[nodiscard]] inline NormalPair normal_pair(std::uint32_t radius_word, std::uint32_t angle_word) {
  const double radius = std::sqrt(-2.0 * detail::log_of(uniform_of(radius_word)));
  const auto [cosine, sine] = detail::direction_of(uniform_of(angle_word));
  return {radius * cosine, radius * sine};
}

/// The four N(0, 1) numbers of block `block` of a stream.
[[nodiscard]] inline std::array<double, 4> normal_block(std::uint64_t seed, std::uint64_t stream,
                                                        std::uint64_t block) {
  const PhiloxWords words = philox(seed, stream, block);
  const NormalPair a = normal_pair(words[0], words[1]), b = normal_pair(words[2], words[3]);
  return {a.first, a.second, b.first, b.second};
}

}  // namespace tokenwerk
