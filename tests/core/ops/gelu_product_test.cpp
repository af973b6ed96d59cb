/// Products that take a GELU along, fused or not, against the formula; where a device may not fuse,
/// against the two operations.

#include "core/ops/activation.h"
#include "core/ops/matmul.h"
#include "tests/support/dtypes.h"
#include "tests/support/reference.h"

namespace tokenwerk {
namespace {

struct Sizes {
  Index n, c, f;
};
// Those whose rows are multiples of eight elements are what cuBLASLt fuses; F and C in turn.
const std::vector<Sizes> all_sizes = {{1, 1, 1},     {1, 17, 5},  {3, 7, 13}, {31, 65, 1},
                                      {64, 128, 96}, {5, 24, 40}, {1, 8, 8}};

class GeluProductTest : public testing::TestWithParam<DType> {
 protected:
  Tensor random(Shape shape, std::uint64_t seed, double magnitude = 1.0) {
    return random_tensor(device_, dtype_, shape, seed, magnitude);
  }
  /// Fused or not, the result is one of these two; only bf16 may be fused.
  void expect_two_operations(ConstTensorView got, ConstTensorView apart) {
    if (dtype_ == DType::bf16 && device_.kind() == DeviceKind::cuda) {
      expect_close(got, values_of(apart), 4.0);
    } else {
      expect_equal(got, apart);
    }
  }

  TestDevice test_;
  Device& device_ = *test_.device;
  Stream& stream_ = *test_.stream;
  DType dtype_ = GetParam();
};

double gelu(double x) {
  return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
}

/// By a central difference, which shares no formula with what is tested.
double gelu_slope(double x) {
  constexpr double step = 1e-5;
  return (gelu(x + step) - gelu(x - step)) / (2.0 * step);
}

/// x(N,C) @ w(F,C)^T + bias(F) in f64; the bias may be empty.
std::vector<double> naive_hidden(ConstTensorView x, ConstTensorView w, ConstTensorView bias) {
  const std::vector<double> a = values_of(x), b = values_of(w);
  const std::vector<double> start = bias ? values_of(bias) : std::vector<double>();
  const auto depth = static_cast<std::size_t>(x.columns());
  std::vector<double> out;
  for (std::size_t i = 0; i < a.size(); i += depth) {
    for (std::size_t j = 0; j < b.size(); j += depth) {
      double sum = start.empty() ? 0.0 : start[j / depth];
      for (std::size_t k = 0; k < depth; ++k) sum += a[i + k] * b[j + k];
      out.push_back(sum);
    }
  }
  return out;
}

/// w(F,C)^T.
Tensor transpose(const Tensor& w) {
  const std::vector<double> values = values_of(w);
  const auto rows = static_cast<std::size_t>(w.view().rows());
  const std::size_t columns = values.size() / rows;
  std::vector<double> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[i % columns * rows + i / columns] = values[i];
  return make_tensor(*w.view().device, w.dtype(), {w.view().columns(), w.view().rows()}, out);
}

TEST_P(GeluProductTest, ForwardIsTheProductAndItsGelu) {
  for (const auto [n, c, f] : all_sizes) {
    const Tensor x = random({n, c}, 1), w = random({f, c}, 2), bias = random({f}, 3);
    for (const ConstTensorView& b : {ConstTensorView(), ConstTensorView(bias)}) {
      const Tensor hidden(device_, dtype_, {n, f}), active(device_, dtype_, {n, f});
      matmul_gelu(stream_, active, hidden, x, w, b);
      std::vector<double> want = naive_hidden(x, w, b);
      expect_close(hidden, want, 16);
      for (double& v : want) v = gelu(v);
      expect_close(active, want, 32);

      const Tensor product(device_, dtype_, {n, f}), apart(device_, dtype_, {n, f});
      matmul(stream_, product, x, w, b);
      gelu_forward(stream_, apart, product);
      expect_equal(hidden, product);
      expect_two_operations(active, apart);
    }
  }
}

TEST_P(GeluProductTest, BackwardIsTheProductTimesTheSlope) {
  for (const auto [n, f, c] : all_sizes) {
    const Tensor dy = random({n, f}, 4), w = random({f, c}, 5), hidden = random({n, c}, 6, 3.0);
    const Tensor dhidden(device_, dtype_, {n, c}), apart(device_, dtype_, {n, c});
    matmul_backward_input_gelu(stream_, dhidden, dy, w, hidden);

    std::vector<double> want = naive_hidden(dy, transpose(w), {});
    const std::vector<double> argument = values_of(hidden);
    for (std::size_t i = 0; i < want.size(); ++i) want[i] *= gelu_slope(argument[i]);
    const double epsilon = std::max(epsilon_of(dtype_), 1e-10);  // differences give ten digits
    expect_close(dhidden, want, 32, epsilon);

    matmul_backward_input(stream_, apart, dy, w);
    gelu_backward(stream_, apart, apart, hidden);
    expect_two_operations(dhidden, apart);
  }
}

TEST_P(GeluProductTest, ReadAndWriteWindows) {
  // Rows that lie 8 k elements apart and at an aligned place, and rows that do not.
  for (const Index before : {8, 3}) {
    const Index n = 9, c = 21, f = 40;
    const StridedTensor x(device_, dtype_, n, c), w(device_, dtype_, f, c);
    const StridedTensor hidden(device_, dtype_, n, f, before, 8);
    const StridedTensor active(device_, dtype_, n, f, 2, 3), dhidden(device_, dtype_, n, f, 1, 4);
    fill_random(x.view, 7);
    fill_random(w.view, 8);
    matmul_gelu(stream_, active.view, hidden.view, x.view, w.view);
    std::vector<double> want = naive_hidden(x.view, w.view, {});
    expect_close(hidden.view, want, 16);
    for (double& v : want) v = gelu(v);
    expect_close(active.view, want, 32);

    const Tensor down = random({c, f}, 9), apart(device_, dtype_, {n, f});
    matmul_backward_input_gelu(stream_, dhidden.view, x.view, down, hidden.view);
    matmul_backward_input(stream_, apart, x.view, down);
    gelu_backward(stream_, apart, apart, hidden.view);
    expect_two_operations(dhidden.view, apart);
    for (const StridedTensor* t : {&hidden, &active, &dhidden}) t->expect_guards_intact();
  }
}

TEST_P(GeluProductTest, SameInputGivesTheSameBitsAndReturnsItsScratch) {
  const Tensor x = random({67, 128}, 10), w = random({48, 128}, 11), down = random({128, 48}, 12);
  const Tensor hidden(device_, dtype_, {67, 48});
  const Tensor one(device_, dtype_, {67, 48}), two(device_, dtype_, {67, 48});
  const std::size_t held = device_.memory().current;
  matmul_gelu(stream_, one, hidden, x, w);
  matmul_gelu(stream_, two, hidden, x, w);
  expect_equal(one, two);
  matmul_backward_input_gelu(stream_, one, x, down, hidden);
  matmul_backward_input_gelu(stream_, two, x, down, hidden);
  expect_equal(one, two);
  EXPECT_EQ(device_.memory().current, held);
}

TEST_P(GeluProductTest, NoRowsAreLegal) {
  const Tensor x(device_, dtype_, {0, 8}), w = random({16, 8}, 13),
                                           hidden(device_, dtype_, {0, 16});
  const Tensor active(device_, dtype_, {0, 16}), down = random({8, 16}, 14);
  matmul_gelu(stream_, active, hidden, x, w);
  matmul_backward_input_gelu(stream_, active, x, down, hidden);
}

TEST_P(GeluProductTest, OperandsThatDoNotFitAreRefused) {
  const Tensor x(device_, dtype_, {2, 3}), w(device_, dtype_, {4, 3}),
      down(device_, dtype_, {3, 4});
  const Tensor hidden(device_, dtype_, {2, 4}), active(device_, dtype_, {2, 4});
  const Tensor wide(device_, dtype_, {2, 5});
  const Tensor other(device_, dtype_ == DType::f32 ? DType::bf16 : DType::f32, {2, 4});
  EXPECT_THROW(matmul_gelu(stream_, wide, hidden, x, w), ShapeError);
  EXPECT_THROW(matmul_gelu(stream_, other, hidden, x, w), ShapeError);
  EXPECT_THROW(matmul_gelu(stream_, active, {}, x, w), ShapeError);
  EXPECT_THROW(matmul_gelu(stream_, hidden, hidden, x, w), ShapeError);
  EXPECT_THROW(matmul_gelu(stream_, active, hidden, x, w, {}, {Write::accumulate}), ShapeError);
  EXPECT_THROW(matmul_backward_input_gelu(stream_, active, x, down, wide), ShapeError);
  EXPECT_THROW(matmul_backward_input_gelu(stream_, active, x, down, other), ShapeError);
  EXPECT_THROW(matmul_backward_input_gelu(stream_, hidden, x, down, hidden), ShapeError);
  EXPECT_THROW(matmul_backward_input_gelu(stream_, active, x, down, hidden, {Write::accumulate}),
               ShapeError);
}

INSTANTIATE_TEST_SUITE_P(Types, GeluProductTest, floating_types, dtype_name);

}  // namespace
}  // namespace tokenwerk
