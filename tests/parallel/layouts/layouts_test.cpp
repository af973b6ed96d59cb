/// Law 1 through the real command line: no layout changes losses, validation or gradients.

#include <gtest/gtest.h>

#include "tests/parallel/layouts/compare.h"
#include "tests/parallel/layouts/runs.h"

namespace tokenwerk::test {
namespace {

class EveryLayout : public testing::TestWithParam<Layout> {};

TEST_P(EveryLayout, HasTheLossesOfOneRank) {
  const Layout& layout = GetParam();
  Runs& runs = Runs::of(layout);
  const Record& one = runs.one_rank(layout.precision);
  ASSERT_EQ(one.losses.size(), 20u);
  ASSERT_EQ(one.validations.size(), 2u);
  EXPECT_LT(one.losses.back(), 0.8 * one.losses.front()) << "nothing was learned";
  expect_same_record(runs.train(layout), one, runs.tolerance(layout.precision));
}

class EveryGradient : public testing::TestWithParam<Layout> {};

TEST_P(EveryGradient, IsThatOfOneRankInTheFirstStep) {
  Runs& runs = Runs::of(GetParam());
  expect_close_arrays(runs.first_gradient(GetParam()), runs.one_rank_gradient(), 1e-5);
}

std::vector<Layout> of_precision(Precision precision, std::vector<Layout> layouts) {
  std::erase_if(layouts, [&](const Layout& layout) { return layout.precision != precision; });
  return layouts;
}

using testing::ValuesIn;
const auto name_of_row = [](const auto& row) { return name_of(row.param); };
INSTANTIATE_TEST_SUITE_P(Default, EveryLayout, ValuesIn(default_layouts()), name_of_row);
INSTANTIATE_TEST_SUITE_P(LongOdd, EveryLayout, ValuesIn(odd_layouts()), name_of_row);
INSTANTIATE_TEST_SUITE_P(Long, EveryLayout, ValuesIn(long_layouts()), name_of_row);
INSTANTIATE_TEST_SUITE_P(LongMany, EveryLayout, ValuesIn(many_ranks()), name_of_row);

INSTANTIATE_TEST_SUITE_P(Default, EveryGradient,
                         ValuesIn(of_precision(Precision::f32, default_layouts())), name_of_row);
INSTANTIATE_TEST_SUITE_P(LongDefault, EveryGradient,
                         ValuesIn(of_precision(Precision::bf16, default_layouts())), name_of_row);
INSTANTIATE_TEST_SUITE_P(LongOdd, EveryGradient, ValuesIn(odd_layouts()), name_of_row);
INSTANTIATE_TEST_SUITE_P(Long, EveryGradient, ValuesIn(long_layouts()), name_of_row);

}  // namespace
}  // namespace tokenwerk::test
