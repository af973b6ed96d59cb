#pragma once
/// Derivatives by central differences in f64: what a backward function must give.

#include <functional>
#include <vector>

#include "tests/support/reference.h"

namespace tokenwerk {

/// The sum of a(i) * b(i): with b the gradient of the output, the loss whose derivative backward
/// gives.
[[nodiscard]] inline double dot(const ConstTensorView& a, const ConstTensorView& b) {
  const std::vector<double> x = values_of(a), y = values_of(b);
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

/// The derivative of `loss` by every element of x (f64), which `loss` reads.
[[nodiscard]] inline std::vector<double> derivative_by(const TensorView& x,
                                                       const std::function<double()>& loss) {
  constexpr double step = 1e-5;
  std::vector<double> derivative;
  for (Index r = 0; r < x.rows(); ++r) {
    for (Index c = 0; c < x.columns(); ++c) {
      const double value = element(x, r, c);
      set_element(x, r, c, value + step);
      const double above = loss();
      set_element(x, r, c, value - step);
      const double below = loss();
      set_element(x, r, c, value);
      derivative.push_back((above - below) / (2.0 * step));
    }
  }
  return derivative;
}

}  // namespace tokenwerk
