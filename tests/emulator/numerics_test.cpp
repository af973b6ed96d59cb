/// The CUDA library's functions as nvcc compiles them, against the host's in f64.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/emulator/device_array.h"
#include "tests/emulator/kernels/kernels.h"

namespace tokenwerk::emulator {
namespace {

using kernels::Function;

/// The value that the kernel's formula has, whose constants are of type T.
template <typename T>
double exact(Function function, T argument) {
  const double x = argument;
  switch (function) {
    case Function::exp: return std::exp(x);
    case Function::log: return std::log(x);
    case Function::tanh: return std::tanh(x);
    case Function::rsqrt: return 1 / std::sqrt(x);
    case Function::sin: return std::sin(x);
    case Function::cos: return std::cos(x);
    case Function::erf: return std::erf(x);
    case Function::sqrt: return std::sqrt(x);
    case Function::divide: return 3 / x;
    default: return std::pow(x, static_cast<double>(T(1.7)));
  }
}

/// Values of many sizes in the domain of the function.
template <typename T>
std::vector<T> arguments_of(Function function) {
  const bool is_positive = function == Function::log || function == Function::rsqrt ||
                           function == Function::sqrt || function == Function::pow;
  std::vector<T> x;
  for (int i = 0; i < 400; ++i) {
    const T size = static_cast<T>(std::exp2(i % 40 - 34) * (1 + i / 400.0));
    x.push_back(is_positive || i % 3 != 0 ? size : -size);
  }
  for (const T large : {T(88.5), T(-87.2), T(1e4), T(105615.25)})
    if (!is_positive || large > 0) x.push_back(function == Function::exp ? large / 1500 : large);
  return x;
}

/// The distance to the exact value in units of the last place of T.
template <typename T>
double distance(T value, double wanted) {
  const T nearest = static_cast<T>(wanted);
  const T next = std::nextafter(std::fabs(nearest), std::numeric_limits<T>::infinity());
  return std::fabs(static_cast<double>(value) - wanted) /
         (static_cast<double>(next) - std::fabs(static_cast<double>(nearest)));
}

/// The greatest errors that NVIDIA's programming guide gives, in units of the last place.
struct Bound {
  Function function;
  double single_bound;
};
constexpr Bound bounds[] = {{Function::exp, 1},   {Function::log, 1},    {Function::tanh, 2},
                            {Function::rsqrt, 2}, {Function::sin, 2},    {Function::cos, 2},
                            {Function::erf, 2},   {Function::sqrt, 0.5}, {Function::divide, 0.5},
                            {Function::pow, 4}};

TEST(Numerics, SinglesAreAsAccurateAsTheGuideSays) {
  for (const Bound& bound : bounds) {
    DeviceArray<float> x(arguments_of<float>(bound.function));
    DeviceArray<float> y(x.host().size());
    kernels::apply(bound.function, y.device(), x.device(), static_cast<int>(x.host().size()));
    for (std::size_t i = 0; i < x.host().size(); ++i)
      EXPECT_LE(distance(y[i], exact(bound.function, x[i])), bound.single_bound + 0.01)
          << "function " << static_cast<int>(bound.function) << " of " << x[i];
  }
}

TEST(Numerics, DoublesAreAccurate) {
  for (const Bound& bound : bounds) {
    DeviceArray<double> x(arguments_of<double>(bound.function));
    DeviceArray<double> y(x.host().size());
    kernels::apply_double(bound.function, y.device(), x.device(),
                          static_cast<int>(x.host().size()));
    for (std::size_t i = 0; i < x.host().size(); ++i)
      EXPECT_LE(distance(y[i], exact(bound.function, x[i])), 3)
          << "function " << static_cast<int>(bound.function) << " of " << x[i];
  }
}

TEST(Numerics, SpecialValues) {
  const float infinity = std::numeric_limits<float>::infinity();
  DeviceArray<float> x({0.0f, infinity, -infinity, std::nanf(""), 200.0f, -200.0f});
  DeviceArray<float> y(6);
  kernels::apply(Function::exp, y.device(), x.device(), 6);
  EXPECT_EQ(y[0], 1);
  EXPECT_EQ(y[1], infinity);
  EXPECT_EQ(y[2], 0);
  EXPECT_TRUE(std::isnan(y[3]));
  EXPECT_EQ(y[4], infinity);
  EXPECT_EQ(y[5], 0);
  kernels::apply(Function::tanh, y.device(), x.device(), 6);
  EXPECT_EQ(y[1], 1);
  EXPECT_EQ(y[2], -1);
  kernels::apply(Function::log, y.device(), x.device(), 6);
  EXPECT_EQ(y[0], -infinity);
  EXPECT_TRUE(std::isnan(y[5]));
}

}  // namespace
}  // namespace tokenwerk::emulator
