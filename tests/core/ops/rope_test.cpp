#include "core/ops/rope.h"

#include <complex>

#include "tests/support/derivative.h"
#include "tests/support/dtypes.h"
#include "tests/support/reference.h"
#include "tests/support/threads.h"

namespace tokenwerk {
namespace {

/// Each pair as a complex number times e^(i angle).
std::vector<double> turned(const ConstTensorView& x, const Rope& rope, double sign) {
  std::vector<double> out = values_of(x);
  const Index half = rope.head_size / 2;
  for (Index r = 0; r < x.rows(); ++r) {
    const auto position = static_cast<double>(rope.token_offset + r % rope.rows_per_sequence);
    for (Index c = 0; c < x.columns(); c += rope.head_size) {
      for (Index i = 0; i < half; ++i) {
        const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(rope.head_size);
        const double angle = sign * position * std::pow(rope.theta, exponent);
        const auto z = std::complex(element(x, r, c + i), element(x, r, c + i + half)) *
                       std::polar(1.0, angle);
        out[static_cast<std::size_t>(r * x.columns() + c + i)] = z.real();
        out[static_cast<std::size_t>(r * x.columns() + c + i + half)] = z.imag();
      }
    }
  }
  return out;
}

class RopeTest : public ::testing::TestWithParam<DType> {
 protected:
  TestDevice test_;
  Stream& stream_ = *test_.stream;
  DType dtype_ = GetParam();
};

TEST_P(RopeTest, TurnsPairsByThePositionOfTheirRow) {
  for (Index head_size : {2, 6, 32, 34, 64}) {
    for (Index heads : {1, 3}) {
      const Rope rope{head_size, 7, 5, 10000.0};
      StridedTensor x(*test_.device, dtype_, 3 * 7, heads * head_size);
      fill_random(x.view, 1);
      const std::vector<double> want = turned(x.view, rope, 1.0);
      rope_forward(stream_, x.view, rope);
      expect_close(x.view, want);
      x.expect_guards_intact();
    }
  }
}

TEST_P(RopeTest, BackwardIsTheInverse) {
  const Rope rope{24, 11, 0, 500.0};
  StridedTensor dx(*test_.device, dtype_, 22, 48);
  fill_random(dx.view, 1);
  const std::vector<double> want = turned(dx.view, rope, -1.0);
  rope_backward(stream_, dx.view, rope);
  expect_close(dx.view, want);
}

TEST_P(RopeTest, RowsDependOnTheirPositionAlone) {
  // Decoding row by row far behind the start gives the bits of one call over the whole sequence.
  const Tensor whole = random_tensor(*test_.device, dtype_, {100, 16}, 1);
  const Tensor steps = random_tensor(*test_.device, dtype_, {100, 16}, 1);
  rope_forward(stream_, whole, {8, 100, 4000, 10000.0});
  for (Index t = 0; t < 100; ++t) {
    rope_forward(stream_, steps.view().slice_rows({t, t + 1}), {8, 1, 4000 + t, 10000.0});
  }
  expect_equal(steps, whole);
}

TEST_P(RopeTest, GivesTheSameBitsOnOneThreadAndOnTwo) {
  const Tensor one = random_tensor(*test_.device, dtype_, {500, 80}, 1);
  const Tensor two = random_tensor(*test_.device, dtype_, {500, 80}, 1);
  {
    const ThreadCount count(1);
    rope_forward(stream_, one, {40, 250, 0, 10000.0});
  }
  {
    const ThreadCount count(2);
    rope_forward(stream_, two, {40, 250, 0, 10000.0});
  }
  expect_equal(one, two);
}

TEST_P(RopeTest, RefusesHeadsAndSequencesThatDoNotDivide) {
  const Tensor x(*test_.device, dtype_, {6, 12});
  EXPECT_THROW(rope_forward(stream_, x, {5, 6, 0, 1e4}), ShapeError);
  EXPECT_THROW(rope_forward(stream_, x, {8, 6, 0, 1e4}), ShapeError);
  EXPECT_THROW(rope_backward(stream_, x, {4, 4, 0, 1e4}), ShapeError);
}

INSTANTIATE_TEST_SUITE_P(Types, RopeTest, floating_types, dtype_name);

TEST(RopeDerivative, AgreesWithFiniteDifferences) {
  TestDevice test;
  const Rope rope{6, 2, 3, 100.0};
  const Tensor x = random_tensor(*test.device, DType::f64, {4, 12}, 1);
  const Tensor dy = random_tensor(*test.device, DType::f64, {4, 12}, 2);
  const std::vector<double> want = derivative_by(x, [&] {
    const Tensor y = make_tensor(*test.device, DType::f64, {4, 12}, values_of(x));
    rope_forward(*test.stream, y, rope);
    return dot(y, dy);
  });
  rope_backward(*test.stream, dy, rope);
  expect_close(dy, want, 1.0, 1e-8);
}

}  // namespace
}  // namespace tokenwerk
