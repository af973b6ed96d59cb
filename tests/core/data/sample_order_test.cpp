#include "core/data/sample_order.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <set>
#include <vector>

#include "core/error.h"

namespace tokenwerk {
namespace {

std::vector<Index> epoch_of(const SampleOrder& order, Index epoch) {
  std::vector<Index> samples;
  for (Index i = 0; i < order.count(); ++i)
    samples.push_back(order.sample_at(epoch * order.count() + i));
  return samples;
}

void expect_permutation(const std::vector<Index>& samples) {
  std::vector<char> seen(samples.size());
  for (const Index sample : samples) {
    ASSERT_GE(sample, 0);
    ASSERT_LT(sample, static_cast<Index>(samples.size()));
    EXPECT_FALSE(seen[static_cast<std::size_t>(sample)]++) << sample << " of " << samples.size();
  }
}

TEST(SampleOrder, sees_every_sample_once_an_epoch) {
  for (Index count = 1; count <= 300; ++count)
    for (Index epoch = 0; epoch < 3; ++epoch) expect_permutation(epoch_of({count, 7}, epoch));
  for (const Index count : {1009, 4096, 4097, 65535, 65536, 65537, 99991, 100000})
    expect_permutation(epoch_of({count, 7}, 1));
}

TEST(SampleOrder, differs_between_epochs_and_seeds) {
  const SampleOrder order(1000, 1), other(1000, 2);
  EXPECT_NE(epoch_of(order, 0), epoch_of(order, 1));
  EXPECT_NE(epoch_of(order, 0), epoch_of(other, 0));
  // Epoch and seed must not be interchangeable.
  EXPECT_NE(epoch_of(order, 2), epoch_of(other, 1));
}

TEST(SampleOrder, is_the_same_for_ever) {
  // A run that resumes relies on these values: they may not change between versions.
  const SampleOrder order(1000003, 1234);
  const std::vector<Index> expected{262178, 360966, 710308, 721973, 544153, 332897};
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(order.sample_at(static_cast<Index>(i) * 500000), expected[i]);
}

TEST(SampleOrder, mixes_well) {
  constexpr Index count = 10007;
  const auto samples = epoch_of({count, 3}, 0);
  // Neighbours land far apart on average (a third of the range for a random order), and few stay.
  double distance = 0.0;
  Index fixed = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    distance += static_cast<double>(std::abs(samples[i] - samples[i - 1]));
    fixed += samples[i] == static_cast<Index>(i);
  }
  EXPECT_NEAR(distance / count / count, 1.0 / 3.0, 0.02);
  EXPECT_LT(fixed, 10);
  // Every small case reaches every order: 3 samples have 6.
  std::set<std::vector<Index>> orders;
  for (Index epoch = 0; epoch < 200; ++epoch) orders.insert(epoch_of({3, 5}, epoch));
  EXPECT_EQ(orders.size(), 6u);
}

TEST(SampleOrder, handles_counts_near_the_largest) {
  const SampleOrder order(std::numeric_limits<Index>::max(), 9);
  std::set<Index> seen;
  for (Index i = 0; i < 1000; ++i) {
    const Index sample = order.sample_at(i);
    EXPECT_GE(sample, 0);
    EXPECT_LT(sample, order.count());
    EXPECT_TRUE(seen.insert(sample).second);
  }
}

TEST(SampleOrder, refuses_an_empty_set) { EXPECT_THROW(SampleOrder(0, 1), DataError); }

}  // namespace
}  // namespace tokenwerk
