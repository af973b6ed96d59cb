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

TEST_P(ElementwiseTest, SumsRowsByTheTree) {
  for (Index rows : {1, 2, 3, 5, 8, 13}) {
    StridedTensor x = random(rows, 41, 1);
    const std::vector<double> values = values_of(x.view);
    const Tensor total(*test_.device, DType::f64, {1});
    sum(stream_, total, x.view, Write::overwrite);
    expect_close(total, {std::accumulate(values.begin(), values.end(), 0.0)}, 64.0);
    const double before = element(total, 0, 0);
    sum(stream_, total, x.view, Write::accumulate);
    EXPECT_EQ(element(total, 0, 0), 2.0 * before);
  }
}

TEST_P(ElementwiseTest, GivesTheSameBitsOnOneThreadAndOnTwo) {
  const StridedTensor x = random(1001, 77, 1);
  std::vector<double> results[2];
  for (int threads : {1, 2}) {
    const ThreadCount count(threads);
    const Tensor total(*test_.device, DType::f64, {1});
    sum(stream_, total, x.view, Write::overwrite);
    results[threads - 1] = values_of(total);
  }
  EXPECT_EQ(results[0], results[1]);
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

TEST(Sum, DoesNotDependOnWhatFollowsAPowerOfTwoOfRows) {
  // The tree over 6 rows is (the tree over the first 4) + (the tree over the last 2).
  TestDevice test;
  const Tensor x = random_tensor(*test.device, DType::f64, {6, 5}, 1);
  const Tensor parts(*test.device, DType::f64, {1}), all(*test.device, DType::f64, {1});
  sum(*test.stream, parts, x.view().slice_rows({0, 4}), Write::overwrite);
  sum(*test.stream, parts, x.view().slice_rows({4, 6}), Write::accumulate);
  sum(*test.stream, all, x, Write::overwrite);
  expect_equal(all, parts);
}

}  // namespace
}  // namespace tokenwerk
