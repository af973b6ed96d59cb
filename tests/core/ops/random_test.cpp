#include "core/ops/random.h"

#include <cmath>

#include "core/normal.h"
#include "tests/support/dtypes.h"
#include "tests/support/reference.h"
#include "tests/support/threads.h"

namespace tokenwerk {
namespace {

TEST(Philox, GivesTheKnownAnswersOfItsAuthors) {
  // kat_vectors of the Random123 distribution: counter (4 words), key (2 words), result.
  EXPECT_EQ(philox(0, 0, 0), (PhiloxWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(~0ull, ~0ull, ~0ull),
            (PhiloxWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0'a4093822, 0x03707344'13198a2e, 0x85a308d3'243f6a88),
            (PhiloxWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, UniformNumbersStayInsideTheInterval) {
  EXPECT_GT(uniform_of(0), 0.0);
  EXPECT_LT(uniform_of(~0u), 1.0);
  EXPECT_EQ(random_word(3, 5, 6), philox(3, 5, 1)[2]);
  EXPECT_EQ(random_uniform(3, 5, 6), uniform_of(philox(3, 5, 1)[2]));
}

TEST(Normal, SeriesAgreeWithTheLibrary) {
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const double u = random_uniform(1, 2, i);
    EXPECT_NEAR(detail::log_of(u), std::log(u), 1e-14 * std::abs(std::log(u)));
    const auto [cosine, sine] = detail::direction_of(u);
    EXPECT_NEAR(cosine, std::cos(2.0 * std::numbers::pi * u), 1e-14);
    EXPECT_NEAR(sine, std::sin(2.0 * std::numbers::pi * u), 1e-14);
  }
  EXPECT_NEAR(detail::log_of(uniform_of(0)), std::log(0x1p-33), 1e-13);
}

TEST(Normal, PairsStandOnBoxMullersCircle) {
  const NormalPair pair = normal_pair(0x40000000u, 0x12345678u);
  const double radius = std::sqrt(-2.0 * std::log(uniform_of(0x40000000u)));
  const double angle = 2.0 * std::numbers::pi * uniform_of(0x12345678u);
  EXPECT_NEAR(pair.first, radius * std::cos(angle), 1e-14);
  EXPECT_NEAR(pair.second, radius * std::sin(angle), 1e-14);
}

TEST(Hash, IsFnv1aOf64Bits) {
  EXPECT_EQ(hash_of(""), 0xcbf29ce484222325ull);
  EXPECT_EQ(hash_of("a"), 0xaf63dc4c8601ec8cull);
  EXPECT_EQ(hash_of("foobar"), 0x85944171f73967e8ull);
}

class FillNormalTest : public ::testing::TestWithParam<DType> {
 protected:
  TestDevice test_;
  Stream& stream_ = *test_.stream;
  DType dtype_ = GetParam();
  NormalFill fill_{.seed = 42, .stream = hash_of("blocks.7.mlp.up.weight"), .deviation = 0.02};
};

TEST_P(FillNormalTest, DrawsEachElementFromItsGlobalIndex) {
  const Tensor x(*test_.device, dtype_, {11, 37}), want(*test_.device, dtype_, {11, 37});
  fill_normal(stream_, x, fill_);  // the view is the whole array
  for (Index i = 0; i < x.shape().count(); ++i) {
    const auto index = static_cast<std::uint64_t>(i);
    const double normal = normal_block(fill_.seed, fill_.stream, index / 4)[index % 4];
    set_element(want, i / 37, i % 37, 0.02 * normal);
  }
  expect_equal(x, want);
}

TEST_P(FillNormalTest, AShardDrawsWhatTheWholeArrayWould) {
  fill_.global_columns = 23;
  const Tensor whole(*test_.device, dtype_, {9, 23});
  fill_normal(stream_, whole, fill_);
  for (Rows rows : {Rows{0, 4}, Rows{4, 9}}) {
    StridedTensor part(*test_.device, dtype_, rows.count(), 10);
    fill_.row_offset = rows.first;
    fill_.column_offset = 13;
    fill_normal(stream_, part.view, fill_);
    expect_equal(part.view, whole.view().slice_rows(rows).slice_columns(13, 10));
    part.expect_guards_intact();
  }
}

TEST_P(FillNormalTest, GivesTheSameBitsOnOneThreadAndOnTwo) {
  fill_.global_columns = 251;
  const Tensor one(*test_.device, dtype_, {301, 251}), two(*test_.device, dtype_, {301, 251});
  {
    const ThreadCount count(1);
    fill_normal(stream_, one, fill_);
  }
  {
    const ThreadCount count(2);
    fill_normal(stream_, two, fill_);
  }
  expect_equal(one, two);
}

TEST_P(FillNormalTest, HasTheMomentsOfTheNormalDistribution) {
  fill_.global_columns = 1000;
  fill_.deviation = 1.0;
  const Tensor x(*test_.device, dtype_, {200, 1000});
  fill_normal(stream_, x, fill_);
  double sums[5] = {};
  for (double value : values_of(x))
    for (int power = 1; power <= 4; ++power) sums[power] += std::pow(value, power) / 200e3;
  // Five standard errors of each moment's estimate.
  EXPECT_NEAR(sums[1], 0.0, 5.0 * std::sqrt(1.0 / 200e3));
  EXPECT_NEAR(sums[2], 1.0, 5.0 * std::sqrt(2.0 / 200e3));
  EXPECT_NEAR(sums[3], 0.0, 5.0 * std::sqrt(15.0 / 200e3));
  EXPECT_NEAR(sums[4], 3.0, 5.0 * std::sqrt(96.0 / 200e3));
}

TEST_P(FillNormalTest, NamesAndSeedsGiveOtherNumbers) {
  fill_.global_columns = 8;
  const Tensor a(*test_.device, dtype_, {8}), b(*test_.device, dtype_, {8});
  fill_normal(stream_, a, fill_);
  fill_.seed = 43;
  fill_normal(stream_, b, fill_);
  EXPECT_NE(values_of(a), values_of(b));
  fill_.seed = 42;
  fill_.stream = hash_of("blocks.8.mlp.up.weight");
  fill_normal(stream_, b, fill_);
  EXPECT_NE(values_of(a), values_of(b));
}

TEST_P(FillNormalTest, RefusesAViewBeyondTheGlobalArray) {
  fill_.global_columns = 8;
  fill_.column_offset = 1;
  const Tensor x(*test_.device, dtype_, {2, 8});
  EXPECT_THROW(fill_normal(stream_, x, fill_), ShapeError);
}

INSTANTIATE_TEST_SUITE_P(Types, FillNormalTest, floating_types, dtype_name);

}  // namespace
}  // namespace tokenwerk
