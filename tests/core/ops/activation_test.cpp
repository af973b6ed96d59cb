#include "core/ops/activation.h"

#include <numbers>

#include "tests/support/derivative.h"
#include "tests/support/dtypes.h"
#include "tests/support/reference.h"
#include "tests/support/threads.h"

namespace tokenwerk {
namespace {

double gelu(double x) {
  const double k = std::sqrt(2.0 / std::numbers::pi);
  return 0.5 * x * (1.0 + std::tanh(k * (x + 0.044715 * x * x * x)));
}
double gelu_slope(double x) {
  const double k = std::sqrt(2.0 / std::numbers::pi);
  const double t = std::tanh(k * (x + 0.044715 * x * x * x));
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * k * (1.0 + 3.0 * 0.044715 * x * x);
}
double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

template <typename Function>
std::vector<double> map(const ConstTensorView& a, const ConstTensorView& b, Function f) {
  std::vector<double> x = values_of(a);
  const std::vector<double> y = values_of(b);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = f(x[i], y[i]);
  return x;
}

class ActivationTest : public ::testing::TestWithParam<DType> {
 protected:
  StridedTensor random(Index rows, Index columns, std::uint64_t seed, double magnitude = 1.0) {
    StridedTensor out(*test_.device, dtype_, rows, columns);
    fill_random(out.view, seed, magnitude);
    return out;
  }

  TestDevice test_;
  Stream& stream_ = *test_.stream;
  DType dtype_ = GetParam();
};

TEST_P(ActivationTest, GeluMatchesItsFormula) {
  for (Index columns : {1, 15, 16, 17, 101}) {
    StridedTensor x = random(7, columns, 1, 6.0), dy = random(7, columns, 2);
    StridedTensor y = random(7, columns, 3), dx = random(7, columns, 4);
    gelu_forward(stream_, y.view, x.view);
    gelu_backward(stream_, dx.view, dy.view, x.view);
    // The tanh of the formula is known to an epsilon of 1, times x: the reference errs as well.
    expect_close(y.view, map(x.view, x.view, [](double v, double) { return gelu(v); }), 32.0);
    const auto slope = [](double v, double d) { return d * gelu_slope(v); };
    expect_close(dx.view, map(x.view, dy.view, slope), 32.0);
    for (const StridedTensor* t : {&x, &dy, &y, &dx}) t->expect_guards_intact();
  }
}

TEST_P(ActivationTest, GeluGradientMayReplaceItsInput) {
  const Tensor x = random_tensor(*test_.device, dtype_, {5, 33}, 1, 3.0);
  const Tensor dy = random_tensor(*test_.device, dtype_, {5, 33}, 2);
  const Tensor dx(*test_.device, dtype_, {5, 33});
  gelu_backward(stream_, dx, dy, x);
  gelu_backward(stream_, dy, dy, x);
  expect_equal(dy, dx);
}

TEST_P(ActivationTest, GeluIsFlatFarFromZero) {
  const std::vector<double> far = {-1e4, -1e3, -200.0, -50.0, 0.0, 50.0, 200.0, 1e3};
  const Tensor x = make_tensor(*test_.device, dtype_, {1, 8}, far);
  const Tensor y(*test_.device, dtype_, {1, 8}), dx(*test_.device, dtype_, {1, 8});
  const Tensor ones = make_tensor(*test_.device, dtype_, {1, 8}, std::vector<double>(8, 1.0));
  gelu_forward(stream_, y, x);
  gelu_backward(stream_, dx, ones, x);
  for (Index i = 0; i < 8; ++i) {
    const double value = element(x, 0, i);
    EXPECT_EQ(element(y, 0, i), std::max(value, 0.0));
    EXPECT_EQ(element(dx, 0, i), value == 0.0 ? 0.5 : (value > 0.0 ? 1.0 : 0.0));
  }
}

TEST_P(ActivationTest, SwigluMatchesItsFormula) {
  for (Index columns : {1, 15, 16, 17, 101}) {
    // gate and up lie side by side in one buffer, as their product leaves them.
    StridedTensor both = random(7, 2 * columns, 1, 6.0), dboth = random(7, 2 * columns, 2);
    const TensorView gate = both.view.slice_columns(0, columns);
    const TensorView up = both.view.slice_columns(columns, columns);
    const TensorView dgate = dboth.view.slice_columns(0, columns);
    const TensorView dup = dboth.view.slice_columns(columns, columns);
    StridedTensor y = random(7, columns, 3), dy = random(7, columns, 4);
    swiglu_forward(stream_, y.view, gate, up);
    swiglu_backward(stream_, dgate, dup, dy.view, gate, up);
    expect_close(y.view, map(gate, up, [](double g, double u) { return g * sigmoid(g) * u; }));
    const std::vector<double> dy_up = map(dy.view, up, [](double d, double u) { return d * u; });
    std::vector<double> want = map(
        gate, gate, [](double g, double) { return sigmoid(g) * (1.0 + g * (1.0 - sigmoid(g))); });
    for (std::size_t i = 0; i < want.size(); ++i) want[i] *= dy_up[i];
    expect_close(dgate, want);
    expect_close(dup, map(dy.view, gate, [](double d, double g) { return d * g * sigmoid(g); }));
    for (const StridedTensor* t : {&both, &dboth, &y, &dy}) t->expect_guards_intact();
  }
}

TEST_P(ActivationTest, GivesTheSameBitsOnOneThreadAndOnTwo) {
  const Tensor x = random_tensor(*test_.device, dtype_, {401, 103}, 1, 6.0);
  const Tensor dy = random_tensor(*test_.device, dtype_, {401, 103}, 2);
  std::vector<std::vector<double>> results[2];
  for (int threads : {1, 2}) {
    const ThreadCount count(threads);
    const Tensor a(*test_.device, dtype_, {401, 103}), b(*test_.device, dtype_, {401, 103});
    auto& result = results[threads - 1];
    gelu_forward(stream_, a, x);
    gelu_backward(stream_, b, dy, x);
    result = {values_of(a), values_of(b)};
    swiglu_backward(stream_, a, b, dy, x, dy);
    result.push_back(values_of(a));
    result.push_back(values_of(b));
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST_P(ActivationTest, RefusesOperandsThatDoNotFit) {
  const Tensor x(*test_.device, dtype_, {4, 8}), wider(*test_.device, dtype_, {4, 9});
  const Tensor other(*test_.device, dtype_ == DType::f32 ? DType::bf16 : DType::f32, {4, 8});
  EXPECT_THROW(gelu_forward(stream_, x, wider), ShapeError);
  EXPECT_THROW(gelu_backward(stream_, x, other, x), ShapeError);
  EXPECT_THROW(swiglu_forward(stream_, x, x, wider), ShapeError);
}

INSTANTIATE_TEST_SUITE_P(Types, ActivationTest, floating_types, dtype_name);

TEST(ActivationDerivatives, AgreeWithFiniteDifferences) {
  TestDevice test;
  Stream& stream = *test.stream;
  const auto random = [&](std::uint64_t seed) {
    return random_tensor(*test.device, DType::f64, {3, 19}, seed, 2.0);
  };
  const Tensor x = random(1), up = random(2), dy = random(3), y = random(4);
  const Tensor dx = random(5), dup = random(6);
  gelu_backward(stream, dx, dy, x);
  expect_close(dx,
               derivative_by(x,
                             [&] {
                               gelu_forward(stream, y, x);
                               return dot(y, dy);
                             }),
               1.0, 1e-8);
  swiglu_backward(stream, dx, dup, dy, x, up);
  const auto loss = [&] {
    swiglu_forward(stream, y, x, up);
    return dot(y, dy);
  };
  expect_close(dx, derivative_by(x, loss), 1.0, 1e-8);
  expect_close(dup, derivative_by(up, loss), 1.0, 1e-8);
}

}  // namespace
}  // namespace tokenwerk
