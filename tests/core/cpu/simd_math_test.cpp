/// The element functions against the C library's f64. They give the same bits with each instruction
/// set, so that the copy compiled here, for the plainest one, speaks for all.

#define TW_ISA measured

#include "core/cpu/simd_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tokenwerk::cpu::TW_ISA {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// The largest distance from the true value over [low, high], in units of its last place.
template <typename Function, typename Reference>
double worst_ulp(Function function, Reference reference, double low, double high) {
  constexpr int points = 1 << 15;
  double worst = 0.0;
  for (int i = 0; i < points; i += lanes) {
    float x[lanes], y[lanes];
    for (int k = 0; k < lanes; ++k)
      x[k] = static_cast<float>(low + (high - low) * (i + k) / (points - 1));
    function(y, x);
    for (int k = 0; k < lanes; ++k) {
      const double want = reference(static_cast<double>(x[k]));
      const float magnitude = std::abs(static_cast<float>(want));
      const double ulp = std::nextafter(magnitude, infinity) - magnitude;
      worst = std::max(worst, std::abs(static_cast<double>(y[k]) - want) / ulp);
    }
  }
  return worst;
}

template <typename Function>
float at(Function function, float x) {
  float in[lanes], out[lanes];
  std::fill_n(in, lanes, x);
  function(out, in);
  return out[lanes - 1];
}

const auto exp_of = [](float* y, const float* x) { store(y, exp(load(x))); };
const auto exp_of_at_most_zero = [](float* y, const float* x) {
  store(y, exp_of_negative(load(x)));
};
const auto expm1_of = [](float* y, const float* x) { store(y, expm1(load(x))); };
const auto tanh_of = [](float* y, const float* x) { store(y, tanh(load(x))); };
const auto log_of = [](float* y, const float* x) { store(y, log(load(x))); };

const auto true_exp = [](double x) { return std::exp(x); };
const auto true_expm1 = [](double x) { return std::expm1(x); };
const auto true_tanh = [](double x) { return std::tanh(x); };
const auto true_log = [](double x) { return std::log(x); };

TEST(SimdMathTest, ExpStaysWithinOneUlp) {
  EXPECT_LE(worst_ulp(exp_of, true_exp, -103.0, 88.7), 1.0);
  EXPECT_LE(worst_ulp(exp_of, true_exp, -1.0, 1.0), 1.0);
  EXPECT_EQ(at(exp_of, 0.0f), 1.0f);
  EXPECT_EQ(at(exp_of, -infinity), 0.0f);
  EXPECT_EQ(at(exp_of, 89.0f), infinity);
  EXPECT_TRUE(std::isnan(at(exp_of, std::nanf(""))));
}

TEST(SimdMathTest, ExpOfNegativeStaysWithinTwoUlp) {
  EXPECT_LE(worst_ulp(exp_of_at_most_zero, true_exp, -86.9, 0.0), 2.0);
  EXPECT_LE(worst_ulp(exp_of_at_most_zero, true_exp, -1.0, 0.0), 2.0);
  EXPECT_EQ(at(exp_of_at_most_zero, 0.0f), 1.0f);
  EXPECT_EQ(at(exp_of_at_most_zero, -87.1f), 0.0f);
  EXPECT_EQ(at(exp_of_at_most_zero, -infinity), 0.0f);
  EXPECT_TRUE(std::isnan(at(exp_of_at_most_zero, std::nanf(""))));
}

TEST(SimdMathTest, Expm1StaysWithinTwoUlp) {
  EXPECT_LE(worst_ulp(expm1_of, true_expm1, -80.0, 80.0), 2.0);
  EXPECT_LE(worst_ulp(expm1_of, true_expm1, -1.0, 1.0), 2.0);
  EXPECT_LE(worst_ulp(expm1_of, true_expm1, -1e-6, 1e-6), 2.0);
}

TEST(SimdMathTest, TanhStaysWithinThreeUlpAlsoNearZero) {
  EXPECT_LE(worst_ulp(tanh_of, true_tanh, -12.0, 12.0), 3.0);
  EXPECT_LE(worst_ulp(tanh_of, true_tanh, -0.5, 0.5), 3.0);
  EXPECT_LE(worst_ulp(tanh_of, true_tanh, -1e-6, 1e-6), 3.0);
  EXPECT_EQ(at(tanh_of, infinity), 1.0f);
  EXPECT_EQ(at(tanh_of, -infinity), -1.0f);
  EXPECT_TRUE(std::signbit(at(tanh_of, -0.0f)));
  EXPECT_TRUE(std::isnan(at(tanh_of, std::nanf(""))));
}

TEST(SimdMathTest, LogStaysWithinTwoUlp) {
  EXPECT_LE(worst_ulp(log_of, true_log, 0.5, 2.0), 2.0);
  EXPECT_LE(worst_ulp(log_of, true_log, 1e-44, 1e-36), 2.0);
  EXPECT_LE(worst_ulp(log_of, true_log, 1.0, 3e38), 2.0);
  EXPECT_EQ(at(log_of, 1.0f), 0.0f);
  EXPECT_EQ(at(log_of, 0.0f), -infinity);
  EXPECT_EQ(at(log_of, infinity), infinity);
  EXPECT_TRUE(std::isnan(at(log_of, -1.0f)));
}

}  // namespace
}  // namespace tokenwerk::cpu::TW_ISA
