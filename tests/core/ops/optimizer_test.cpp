#include "core/ops/optimizer.h"

#include <cmath>
#include <limits>
#include <optional>

#include "tests/support/dtypes.h"
#include "tests/support/reference.h"
#include "tests/support/threads.h"

namespace tokenwerk {
namespace {

constexpr AdamW options{.beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1};
constexpr double learning_rate = 0.01, gradient_scale = 0.5;

/// Algorithm 2 of the paper in f64.
struct Reference {
  std::vector<double> w, m, v;

  explicit Reference(std::vector<double> start) : w(start), m(start.size()), v(start.size()) {}

  void step(const std::vector<double>& gradient, int t) {
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double g = gradient_scale * gradient[i];
      m[i] = options.beta1 * m[i] + (1.0 - options.beta1) * g;
      v[i] = options.beta2 * v[i] + (1.0 - options.beta2) * g * g;
      const double mean = m[i] / (1.0 - std::pow(options.beta1, t));
      const double square = v[i] / (1.0 - std::pow(options.beta2, t));
      w[i] -= learning_rate *
              (mean / (std::sqrt(square) + options.epsilon) + options.weight_decay * w[i]);
    }
  }
};

/// Weights, their optimizer state and the step's scalars.
struct State {
  State(Device& device, DType dtype, Index count)
      : w(random_tensor(device, dtype, {count}, 1)),
        m(make_tensor(device, accumulation_type(dtype), {count}, zeros(count))),
        v(make_tensor(device, accumulation_type(dtype), {count}, zeros(count))),
        gradient(device, accumulation_type(dtype), {count}),
        scalars(make_tensor(device, DType::f64, {step_scalar_count}, zeros(step_scalar_count))) {
    if (dtype != accumulation_type(dtype)) {
      master = make_tensor(device, accumulation_type(dtype), {count}, values_of(w));
    }
    set(StepScalar::accepted, 1.0);
  }

  static std::vector<double> zeros(Index count) {
    return std::vector<double>(static_cast<std::size_t>(count));
  }
  void set(StepScalar which, double value) const {
    set_element(scalars, 0, static_cast<Index>(which), value);
  }
  void step(Stream& stream, int t) const {
    set(StepScalar::learning_rate, learning_rate);
    set(StepScalar::correction1, 1.0 - std::pow(options.beta1, t));
    set(StepScalar::correction2, 1.0 - std::pow(options.beta2, t));
    set(StepScalar::gradient_scale, gradient_scale);
    fill_random(gradient, static_cast<std::uint64_t>(100 + t));
    adamw(stream, w, master, m, v, gradient, scalars, options);
  }

  Tensor w, master, m, v, gradient, scalars;
};

class OptimizerTest : public ::testing::TestWithParam<DType> {
 protected:
  TestDevice test_;
  Stream& stream_ = *test_.stream;
  DType dtype_ = GetParam();
};

TEST_P(OptimizerTest, AdamWFollowsThePaperOverManySteps) {
  for (Index count : {1, 15, 16, 17, 1009}) {
    const State state(*test_.device, dtype_, count);
    Reference want(values_of(state.w));
    for (int t = 1; t <= 20; ++t) {
      state.step(stream_, t);
      want.step(values_of(state.gradient), t);
    }
    const ConstTensorView exact = state.master ? state.master.view() : state.w.view();
    expect_close(exact, want.w, 32.0);
    expect_close(state.m, want.m, 32.0);
    expect_close(state.v, want.v, 32.0);
    const Tensor rounded = make_tensor(*test_.device, dtype_, {count}, values_of(exact));
    expect_equal(state.w, rounded);
  }
}

TEST_P(OptimizerTest, NothingMovesWhereTheGradientIsNotFinite) {
  const State state(*test_.device, dtype_, 37), before(*test_.device, dtype_, 37);
  state.set(StepScalar::accepted, 0.0);
  state.step(stream_, 1);
  expect_equal(state.w, before.w);
  expect_equal(state.m, before.m);
  expect_equal(state.v, before.v);
  if (state.master) expect_equal(state.master, before.master);
}

TEST_P(OptimizerTest, SquaredNormSumsTilesOfRows) {
  for (Index columns : {1, 37, 70001}) {
    StridedTensor x(*test_.device, dtype_, 3, columns);
    fill_random(x.view, 1);
    const std::vector<double> values = values_of(x.view);
    const Tensor squares(*test_.device, DType::f64, {3, 1});
    squared_norm_tiles(stream_, squares, x.view);
    std::vector<double> want(3);
    for (std::size_t i = 0; i < values.size(); ++i)
      want[i / static_cast<std::size_t>(columns)] += values[i] * values[i];
    expect_close(squares, want, 256.0);
  }
}

TEST_P(OptimizerTest, GivesTheSameBitsOnOneThreadAndOnTwo) {
  std::vector<std::vector<double>> results[2];
  for (int threads : {1, 2}) {
    const ThreadCount count(threads);
    const State state(*test_.device, dtype_, 100003);
    const Tensor total(*test_.device, DType::f64, {1, 1});
    for (int t = 1; t <= 3; ++t) state.step(stream_, t);
    squared_norm_tiles(stream_, total, state.w);
    results[threads - 1] = {values_of(state.w), values_of(state.m), values_of(state.v),
                            values_of(total)};
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST_P(OptimizerTest, RefusesOperandsThatDoNotFit) {
  State state(*test_.device, dtype_, 8);
  State longer(*test_.device, dtype_, 9);
  std::swap(state.m, longer.m);
  EXPECT_THROW(state.step(stream_, 1), ShapeError);
  std::swap(state.m, longer.m);
  if (state.master) {
    state.master = {};
  } else {
    state.master = make_tensor(*test_.device, dtype_, {8}, values_of(state.w));
  }
  EXPECT_THROW(state.step(stream_, 1), ShapeError);
}

INSTANTIATE_TEST_SUITE_P(Types, OptimizerTest, floating_types, dtype_name);

class ClipTest : public ::testing::Test {
 protected:
  double after(double squared, const StepLimits& limits, StepScalar which,
               std::optional<double> loss = {}) {
    const Tensor scalars = make_tensor(*test_.device, DType::f64, {step_scalar_count},
                                       std::vector<double>(step_scalar_count, -7.0));
    const Tensor total = make_tensor(*test_.device, DType::f64, {1}, {squared});
    Tensor measured;
    if (loss) measured = make_tensor(*test_.device, DType::f64, {1}, {*loss});
    clip_by_norm(*test_.stream, scalars, total, measured, limits);
    EXPECT_EQ(element(scalars, 0, static_cast<Index>(StepScalar::learning_rate)), -7.0);
    return element(scalars, 0, static_cast<Index>(which));
  }

  TestDevice test_;
};

TEST_F(ClipTest, ScalesDownToTheMaximumAndNeverUp) {
  EXPECT_EQ(after(16.0, {.clip = 1.0}, StepScalar::gradient_norm), 4.0);
  EXPECT_EQ(after(16.0, {.clip = 1.0}, StepScalar::gradient_scale), 0.25);
  EXPECT_EQ(after(16.0, {.clip = 4.0}, StepScalar::gradient_scale), 1.0);
  EXPECT_EQ(after(16.0, {.clip = 100.0}, StepScalar::gradient_scale), 1.0);
  EXPECT_EQ(after(0.0, {.clip = 1.0}, StepScalar::gradient_scale), 1.0);
  EXPECT_EQ(after(16.0, {.clip = 1.0}, StepScalar::accepted), 1.0);
}

TEST_F(ClipTest, DoesNotClipWithoutAMaximum) {
  EXPECT_EQ(after(16.0, {.clip = 0.0}, StepScalar::gradient_scale), 1.0);
}

TEST_F(ClipTest, AcceptsNormsUpToTheLargestAllowed) {
  EXPECT_EQ(after(16.0, {.norm = 4.0}, StepScalar::accepted), 1.0);
  EXPECT_EQ(after(16.0, {.norm = 3.99}, StepScalar::accepted), 0.0);
  EXPECT_EQ(after(16.0, {.clip = 1.0, .norm = 3.99}, StepScalar::gradient_norm), 4.0);
}

TEST_F(ClipTest, AcceptsLossesUpToTheLargestAllowedAndNoneThatIsNotFinite) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  EXPECT_EQ(after(16.0, {.loss = 2.5}, StepScalar::accepted, 2.5), 1.0);
  EXPECT_EQ(after(16.0, {.loss = 2.5}, StepScalar::accepted, 2.51), 0.0);
  EXPECT_EQ(after(16.0, {}, StepScalar::accepted, 1e300), 1.0);
  EXPECT_EQ(after(16.0, {}, StepScalar::accepted, infinite), 0.0);
  EXPECT_EQ(after(16.0, {}, StepScalar::accepted, NAN), 0.0);
  EXPECT_EQ(after(16.0, {}, StepScalar::gradient_norm, NAN), 4.0);
}

TEST_F(ClipTest, NamesAGradientThatIsNotFinite) {
  EXPECT_EQ(after(NAN, {.clip = 1.0}, StepScalar::accepted), 0.0);
  EXPECT_EQ(after(std::numeric_limits<double>::infinity(), {.clip = 1.0}, StepScalar::accepted),
            0.0);
}

}  // namespace
}  // namespace tokenwerk
