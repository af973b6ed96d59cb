#include "core/ops/norm.h"

#include <algorithm>
#include <string>

#include "tests/support/derivative.h"
#include "tests/support/reference.h"
#include "tests/support/threads.h"

namespace tokenwerk {
namespace {

constexpr double norm_epsilon = 1e-5;

enum class Kind { layer, rms };

/// The formulas as the papers have them, in f64.
struct Reference {
  std::vector<double> y, stats, dx, dgamma, dbeta;
  std::vector<double> dx_terms;  ///< the largest term that each dx is the difference of
};

Reference reference(Kind kind, const ConstTensorView& device_x, const ConstTensorView& device_gamma,
                    const ConstTensorView& device_beta, const ConstTensorView& device_dy) {
  const HostElements host_x(device_x), host_gamma(device_gamma), host_beta(device_beta),
      host_dy(device_dy);
  const ConstTensorView x = host_x, gamma = host_gamma, beta = host_beta, dy = host_dy;
  const Index rows = x.rows(), columns = x.columns();
  const auto count = static_cast<double>(columns);
  Reference out;
  out.dgamma.resize(static_cast<std::size_t>(columns));
  out.dbeta.resize(static_cast<std::size_t>(columns));
  for (Index r = 0; r < rows; ++r) {
    double mean = 0.0, variance = 0.0;
    for (Index c = 0; c < columns; ++c) mean += element(x, r, c) / count;
    if (kind == Kind::rms) mean = 0.0;
    for (Index c = 0; c < columns; ++c) variance += std::pow(element(x, r, c) - mean, 2) / count;
    const double rstd = 1.0 / std::sqrt(variance + norm_epsilon);
    if (kind == Kind::layer) out.stats.push_back(mean);
    out.stats.push_back(rstd);
    double mean_g = 0.0, mean_gh = 0.0, largest = 0.0;
    for (Index c = 0; c < columns; ++c) {
      const auto i = static_cast<std::size_t>(c);
      const double h = (element(x, r, c) - mean) * rstd, d = element(dy, r, c);
      out.y.push_back(h * element(gamma, 0, c) + (kind == Kind::layer ? element(beta, 0, c) : 0.0));
      out.dgamma[i] += d * h;
      out.dbeta[i] += d;
      if (kind == Kind::layer) mean_g += d * element(gamma, 0, c) / count;
      mean_gh += d * element(gamma, 0, c) * h / count;
      largest = std::max(largest, std::abs(d * element(gamma, 0, c) * (1.0 + h * h)) * rstd);
    }
    for (Index c = 0; c < columns; ++c) {
      const double h = (element(x, r, c) - mean) * rstd;
      out.dx.push_back(rstd * (element(dy, r, c) * element(gamma, 0, c) - mean_g - h * mean_gh));
      out.dx_terms.push_back(largest);
    }
  }
  return out;
}

/// All operands of one norm, with rows apart in x, y, dy and dx.
struct Operands {
  Operands(TestDevice& test, Kind kind, DType dtype, Index rows, Index columns)
      : x(*test.device, dtype, rows, columns),
        y(*test.device, dtype, rows, columns),
        dy(*test.device, dtype, rows, columns),
        dx(*test.device, dtype, rows, columns),
        gamma(random_tensor(*test.device, dtype, {columns}, 1)),
        beta(random_tensor(*test.device, dtype, {columns}, 2)),
        stats(*test.device, accumulation_type(dtype), {rows, kind == Kind::layer ? 2 : 1}),
        dgamma(*test.device, accumulation_type(dtype), {columns}),
        dbeta(*test.device, accumulation_type(dtype), {columns}) {
    fill_random(x.view, 3, 2.0);
    fill_random(dy.view, 4);
  }

  void forward(Stream& stream, Kind kind) {
    if (kind == Kind::layer) {
      layer_norm_forward(stream, y.view, stats, x.view, gamma, beta, norm_epsilon);
    } else {
      rms_norm_forward(stream, y.view, stats, x.view, gamma, norm_epsilon);
    }
  }
  void backward_input(Stream& stream, Kind kind, Write write) {
    if (kind == Kind::layer) {
      layer_norm_backward_input(stream, dx.view, dy.view, x.view, stats, gamma, write);
    } else {
      rms_norm_backward_input(stream, dx.view, dy.view, x.view, stats, gamma, write);
    }
  }
  void backward_weight(Stream& stream, Kind kind, Write write) {
    if (kind == Kind::layer) {
      layer_norm_backward_weight(stream, dgamma, dbeta, dy.view, x.view, stats, write);
    } else {
      rms_norm_backward_weight(stream, dgamma, dy.view, x.view, stats, write);
    }
  }
  /// bf16 operands give f32 sums: what they err by is bf16's only where the result is.
  void expect(Kind kind, const Reference& want) const {
    expect_close(y.view, want.y);
    const std::vector<double> got_dx = values_of(dx.view);
    for (std::size_t i = 0; i < got_dx.size(); ++i) {
      // With few columns the terms all but cancel.
      const double scale = std::abs(want.dx[i]) + want.dx_terms[i];
      ASSERT_NEAR(got_dx[i], want.dx[i], 8.0 * epsilon_of(dx.view.dtype) * scale) << "dx " << i;
    }
    expect_close(stats, want.stats, 32.0);
    expect_close(dgamma, want.dgamma, 64.0);
    if (kind == Kind::layer) expect_close(dbeta, want.dbeta, 64.0);
    for (const StridedTensor* operand : {&x, &y, &dy, &dx}) operand->expect_guards_intact();
  }

  StridedTensor x, y, dy, dx;
  Tensor gamma, beta, stats, dgamma, dbeta;
};

struct Case {
  Kind kind;
  DType dtype;
};

class NormTest : public ::testing::TestWithParam<Case> {
 protected:
  TestDevice test_;
  Stream& stream_ = *test_.stream;
  Kind kind_ = GetParam().kind;
  DType dtype_ = GetParam().dtype;
};

TEST_P(NormTest, MatchesTheFormulasAtOddSizes) {
  for (Index rows : {1, 7, 131}) {
    for (Index columns : {1, 5, 15, 16, 17, 64, 101, 257}) {
      SCOPED_TRACE((Shape{rows, columns}.text()));
      Operands o(test_, kind_, dtype_, rows, columns);
      o.forward(stream_, kind_);
      o.backward_input(stream_, kind_, Write::overwrite);
      o.backward_weight(stream_, kind_, Write::overwrite);
      o.expect(kind_, reference(kind_, o.x.view, o.gamma, o.beta, o.dy.view));
    }
  }
}

TEST_P(NormTest, AccumulatesGradientsOntoWhatIsThere) {
  Operands o(test_, kind_, dtype_, 67, 37);
  o.forward(stream_, kind_);
  Reference want = reference(kind_, o.x.view, o.gamma, o.beta, o.dy.view);
  fill_random(o.dx.view, 5);
  fill_random(o.dgamma, 6);
  fill_random(o.dbeta, 7);
  const auto add = [](std::vector<double>& sum, const ConstTensorView& before) {
    const std::vector<double> values = values_of(before);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
  };
  add(want.dx, o.dx.view);
  add(want.dgamma, o.dgamma);
  add(want.dbeta, o.dbeta);
  o.backward_input(stream_, kind_, Write::accumulate);
  o.backward_weight(stream_, kind_, Write::accumulate);
  o.expect(kind_, want);
}

TEST_P(NormTest, GivesTheSameBitsOnOneThreadAndOnTwo) {
  std::vector<std::vector<double>> results[2];
  for (int threads : {1, 2}) {
    const ThreadCount count(threads);
    Operands o(test_, kind_, dtype_, 1000, 77);
    fill_random(o.dgamma, 6);
    fill_random(o.dbeta, 7);
    o.forward(stream_, kind_);
    o.backward_input(stream_, kind_, Write::overwrite);
    o.backward_weight(stream_, kind_, Write::accumulate);
    results[threads - 1] = {values_of(o.y.view), values_of(o.stats), values_of(o.dx.view),
                            values_of(o.dgamma), values_of(o.dbeta)};
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST_P(NormTest, RefusesOperandsThatDoNotFit) {
  Operands o(test_, kind_, dtype_, 4, 8);
  Operands wider(test_, kind_, dtype_, 4, 9);
  o.forward(stream_, kind_);
  std::swap(o.gamma, wider.gamma);
  EXPECT_THROW(o.forward(stream_, kind_), ShapeError);
  EXPECT_THROW(o.backward_input(stream_, kind_, Write::overwrite), ShapeError);
  std::swap(o.dgamma, wider.dgamma);
  EXPECT_THROW(o.backward_weight(stream_, kind_, Write::overwrite), ShapeError);
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
  return std::string(info.param.kind == Kind::layer ? "layer_" : "rms_") +
         std::string(name_of(info.param.dtype));
}

INSTANTIATE_TEST_SUITE_P(Kinds, NormTest,
                         ::testing::Values(Case{Kind::layer, DType::f64},
                                           Case{Kind::layer, DType::f32},
                                           Case{Kind::layer, DType::bf16},
                                           Case{Kind::rms, DType::f64}, Case{Kind::rms, DType::f32},
                                           Case{Kind::rms, DType::bf16}),
                         case_name);

TEST(NormDerivatives, AgreeWithFiniteDifferences) {
  TestDevice test;
  for (Kind kind : {Kind::layer, Kind::rms}) {
    Operands o(test, kind, DType::f64, 5, 19);
    o.forward(*test.stream, kind);
    o.backward_input(*test.stream, kind, Write::overwrite);
    o.backward_weight(*test.stream, kind, Write::overwrite);
    const auto loss = [&] {
      o.forward(*test.stream, kind);
      return dot(o.y.view, o.dy.view);
    };
    expect_close(o.dx.view, derivative_by(o.x.view, loss), 1.0, 1e-8);
    expect_close(o.dgamma, derivative_by(o.gamma, loss), 1.0, 1e-8);
    if (kind == Kind::layer) {
      expect_close(o.dbeta, derivative_by(o.beta, loss), 1.0, 1e-8);
    }
  }
}

TEST(NormStatistics, DoNotCancelFarFromZero) {
  TestDevice test;
  Operands o(test, Kind::layer, DType::f32, 3, 100);
  for (Index r = 0; r < 3; ++r)
    for (Index c = 0; c < 100; ++c) set_element(o.x.view, r, c, 1000.0 + element(o.x.view, r, c));
  o.forward(*test.stream, Kind::layer);
  const Reference want = reference(Kind::layer, o.x.view, o.gamma, o.beta, o.dy.view);
  expect_close(o.y.view, want.y, 1.0, 1e-4);  // x itself is known to 6e-5
}

}  // namespace
}  // namespace tokenwerk
