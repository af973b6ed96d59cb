#include "core/ops/elementwise.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "tests/support/dtypes.h"
#include "tests/support/reference.h"
#include "tests/support/threads.h"

namespace tokenwerk {
namespace {

class ElementwiseTest : public ::testing::TestWithParam<DType> {
 protected:
  StridedTensor random(Index rows, Index columns, std::uint64_t seed) {
    StridedTensor out(*test_.device, dtype_, rows, columns);
    fill_random(out.view, seed);
    return out;
  }

  TestDevice test_;
  Stream& stream_ = *test_.stream;
  DType dtype_ = GetParam();
};

TEST_P(ElementwiseTest, AddsAndMayReplaceAnOperand) {
  for (Index columns : {1, 15, 16, 17, 101}) {
    StridedTensor a = random(7, columns, 1), b = random(7, columns, 2), y = random(7, columns, 3);
    std::vector<double> want = values_of(a.view);
    for (std::size_t i = 0; i < want.size(); ++i) want[i] += values_of(b.view)[i];
    add(stream_, y.view, a.view, b.view);
    add(stream_, b.view, a.view, b.view);
    expect_close(y.view, want, 1.0);
    expect_equal(b.view, y.view);
    y.expect_guards_intact();
  }
}

TEST_P(ElementwiseTest, ScalesAndFills) {
  StridedTensor y = random(5, 37, 1);
  std::vector<double> want = values_of(y.view);
  for (double& w : want) w *= 0.25;  // exact in every dtype
  scale(stream_, y.view, 0.25);
  EXPECT_EQ(values_of(y.view), want);
  fill(stream_, y.view, -1.5);
  EXPECT_EQ(values_of(y.view), std::vector<double>(5 * 37, -1.5));
  y.expect_guards_intact();
}

TEST_P(ElementwiseTest, ConvertsToEveryTypeWithOneRounding) {
  for (DType to : {DType::f64, DType::f32, DType::bf16}) {
    StridedTensor x = random(6, 37, 1);
    StridedTensor y(*test_.device, to, 6, 37), want(*test_.device, to, 6, 37);
    set_values(want.view, values_of(x.view));
    convert(stream_, y.view, x.view);
    expect_equal(y.view, want.view);
    y.expect_guards_intact();
  }
}

TEST_P(ElementwiseTest, SumsEachRow) {
  const StridedTensor x = random(13, 41, 1);
  const std::vector<double> values = values_of(x.view);
  std::vector<double> want;
  for (auto row = values.begin(); row != values.end(); row += 41)
    want.push_back(std::accumulate(row, row + 41, 0.0));
  for (int threads : {1, 2}) {
    const ThreadCount count(threads);
    const Tensor sums(*test_.device, DType::f64, {13});
    row_sums(stream_, sums, x.view);
    expect_close(sums, want, 64.0);
  }
}

TEST_P(ElementwiseTest, AddsARowToEachRow) {
  if (dtype_ == DType::bf16) return;  // rows of what is summed are f32 or f64
  const Tensor y = make_tensor(*test_.device, dtype_, {2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor row = make_tensor(*test_.device, dtype_, {3}, {10, 20, 30});
  add_row(stream_, y, row);
  EXPECT_EQ(values_of(y), (std::vector<double>{11, 22, 33, 14, 25, 36}));
  if (dtype_ == DType::f32) {
    add_row(stream_, y, make_tensor(*test_.device, DType::bf16, {3}, {1, 2, 3}));
    EXPECT_EQ(values_of(y), (std::vector<double>{12, 24, 36, 15, 27, 39}));
  }
  EXPECT_THROW(add_row(stream_, y, make_tensor(*test_.device, dtype_, {2}, {1, 2})), ShapeError);
}

TEST_P(ElementwiseTest, RefusesOperandsThatDoNotFit) {
  const Tensor y(*test_.device, dtype_, {4, 8}), wider(*test_.device, dtype_, {4, 9});
  const Tensor whole(*test_.device, DType::i32, {4, 8});
  EXPECT_THROW(add(stream_, y, y, wider), ShapeError);
  EXPECT_THROW(convert(stream_, y, wider), ShapeError);
  EXPECT_THROW(convert(stream_, y, whole), ShapeError);
  EXPECT_THROW(scale(stream_, whole, 2.0), ShapeError);
}

INSTANTIATE_TEST_SUITE_P(Types, ElementwiseTest, floating_types, dtype_name);

TEST(Convert, RoundsToBf16AtTiesToEvenAndKeepsSpecialValues) {
  TestDevice test;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  // 1 + 2^-8 lies between 1 and 1 + 2^-7; 1 + 3 * 2^-8 between 1 + 2^-7 and 1 + 2^-6.
  const Tensor x = make_tensor(*test.device, DType::f32, {6},
                               {1.0 + 0x1p-8, 1.0 + 3 * 0x1p-8, -0.0, infinity, 3.4e38, NAN});
  const Tensor y(*test.device, DType::bf16, {6});
  convert(*test.stream, y, x);
  const std::vector<double> got = values_of(y);
  EXPECT_EQ(got[0], 1.0);
  EXPECT_EQ(got[1], 1.0 + 0x1p-6);
  EXPECT_TRUE(std::signbit(got[2]));
  EXPECT_EQ(got[3], infinity);
  EXPECT_EQ(got[4], infinity);
  EXPECT_TRUE(std::isnan(got[5]));
}

/// The total of values that are added in pieces: each piece to a sum of its own, those together.
double total_of(const TestDevice& test, const std::vector<double>& values, std::size_t pieces) {
  const Tensor all(*test.device, DType::f64, {ExactSum::stored});
  fill(*test.stream, all, 0.0);
  for (std::size_t p = 0; p < pieces; ++p) {
    const auto at = [&](std::size_t i) {
      return values.begin() + static_cast<std::ptrdiff_t>(i * values.size() / pieces);
    };
    const std::vector<double> part(at(p), at(p + 1));
    const Tensor x = make_tensor(*test.device, DType::f64, {static_cast<Index>(part.size())}, part);
    const Tensor one(*test.device, DType::f64, {ExactSum::stored});
    fill(*test.stream, one, 0.0);
    exact_add(*test.stream, one, x);
    add(*test.stream, all, all, one);  // as ranks do
  }
  const Tensor total(*test.device, DType::f64, {1});
  exact_total(*test.stream, total, all);
  return element(total, 0, 0);
}

TEST(ExactSum, HasTheSameBitsInEveryOrderAndCut) {
  const TestDevice test;
  std::vector<double> values;
  for (int i = 0; i < 5000; ++i)
    values.push_back(std::ldexp(1.0 + std::fmod(i * 0.7390851, 1.0), (i * 37) % 180 - 100));
  const double forward = total_of(test, values, 1);
  const long double plain = std::accumulate(values.begin(), values.end(), 0.0L);
  EXPECT_NEAR(forward / static_cast<double>(plain), 1.0, 1e-15);
  for (std::size_t pieces : {2u, 3u, 7u, 100u}) EXPECT_EQ(total_of(test, values, pieces), forward);
  std::reverse(values.begin(), values.end());
  EXPECT_EQ(total_of(test, values, 5), forward);
}

TEST(ExactSum, KeepsWhatRoundingWouldLose) {
  const TestDevice test;
  EXPECT_EQ(total_of(test, {0x1p100, 0x1p-100, 0x1p100}, 1), 0x1p101);
  EXPECT_EQ(total_of(test, {1.0, 0x1p-53, 0x1p-53}, 1), 1.0 + 0x1p-52);
  EXPECT_EQ(total_of(test, {0x1p-53, 0x1p-53, 1.0}, 3), 1.0 + 0x1p-52);
  EXPECT_EQ(total_of(test, {0.0, 0x1p-200}, 1), 0.0);
  EXPECT_EQ(total_of(test, {0x1.fffffffffffffp125}, 1), 0x1.fffffffffffffp125);
}

TEST(ExactSum, PassesOnWhatIsNotFinite) {
  const TestDevice test;
  EXPECT_TRUE(std::isnan(total_of(test, {1.0, NAN, 2.0}, 2)));
  EXPECT_EQ(total_of(test, {1.0, std::numeric_limits<double>::infinity()}, 2),
            std::numeric_limits<double>::infinity());
  EXPECT_EQ(total_of(test, {0x1p130, 0x1p130}, 2), 0x1p131);
  EXPECT_TRUE(std::isnan(total_of(test, {1.0, -0.5}, 1))) << "nobody may add a negative number";
}

}  // namespace
}  // namespace tokenwerk
