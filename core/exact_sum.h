#pragma once
/// Sums without rounding, so that no order of adding changes a bit: a long fixed-point number in
/// limbs of 32 bits, each kept as a whole number in f64. Adding two such sums limb by limb is
/// exact, so ranks add theirs with any all-reduce. (The idea of an accumulator as wide as the
/// exponents is Kulisch's: "Very fast and exact accumulation of products", Computing 91, 2011.)

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

namespace tokenwerk {

/// Sums numbers that are not negative, from 2^-128 (what is below is cut off) to 2^126. A larger
/// number or an infinity makes the total infinite or nearly so; a NaN or a negative number, which
/// nobody may add, makes it a NaN.
class ExactSum {
 public:
  static constexpr int limbs = 8;
  /// Elements of a stored sum: the limbs, and what does not fit them.
  static constexpr int stored = limbs + 1;

  ExactSum() = default;
  /// From a stored sum, or several that were added element by element (at most 2^20).
  explicit ExactSum(std::span<const double, stored> values) : beyond_(values[limbs]) {
    for (std::size_t i = 0; i < limbs; ++i) limbs_[i] = static_cast<std::uint64_t>(values[i]);
    carry();
  }

  void add(double value) {
    if (!(value >= 0.0 && value < 0x1p126)) {
      beyond_ += value < 0.0 ? std::numeric_limits<double>::quiet_NaN() : value;
      return;
    }
    int exponent = 0;
    const double mantissa = std::frexp(value, &exponent);  // in [1/2, 1)
    const int shift = exponent - 53 + 128;                 // bits from the lowest to its lowest
    auto bits = static_cast<std::uint64_t>(std::ldexp(mantissa, 53));
    if (shift <= -53) return;
    if (shift < 0) bits >>= -shift;
    const int place = shift < 0 ? 0 : shift;
    const auto limb = static_cast<std::size_t>(place / 32);
    const unsigned offset = static_cast<unsigned>(place % 32);
    const std::uint64_t low = bits << offset & 0xffffffffu;
    const std::uint64_t rest = offset == 0 ? bits >> 32 : bits >> (32 - offset);
    limbs_[limb] += low;
    if (limb + 1 < limbs) limbs_[limb + 1] += rest & 0xffffffffu;
    if (limb + 2 < limbs) limbs_[limb + 2] += rest >> 32;
    if (++pending_ == 1u << 30) carry();
  }

  /// Every limb but the last below 2^32.
  void store(std::span<double, stored> values) {
    carry();
    for (std::size_t i = 0; i < limbs; ++i) values[i] = static_cast<double>(limbs_[i]);
    values[limbs] = beyond_;
  }

  /// The sum as one number: rounded from the top, the same for equal sums.
  [[nodiscard]] double total() {
    carry();
    double sum = beyond_;
    for (int i = limbs; i-- > 0;)
      sum += std::ldexp(static_cast<double>(limbs_[static_cast<std::size_t>(i)]), 32 * i - 128);
    return sum;
  }

 private:
  void carry() {
    pending_ = 0;
    for (std::size_t i = 0; i + 1 < limbs; ++i) {
      limbs_[i + 1] += limbs_[i] >> 32;
      limbs_[i] &= 0xffffffffu;
    }
  }

  std::array<std::uint64_t, limbs> limbs_{};
  double beyond_ = 0.0;
  std::uint32_t pending_ = 0;  ///< additions since the last carry
};

}  // namespace tokenwerk
