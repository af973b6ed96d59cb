/// Clocks of ranks on several hosts, brought together.

#include "parallel/comm/clock.h"

#include <gtest/gtest.h>

#include "tests/support/mpi_test.h"

namespace tokenwerk::test {
namespace {

TEST(Clock, AFewLateExitsDoNotMoveTheEstimate) {
  const Index shift = -123456789;
  std::vector<Index> mine, theirs;
  for (Index i = 0; i < 15; ++i) {
    mine.push_back(1000000 * i + (i % 4 == 0 ? 500000 : 0));  // left the barrier late now and then
    theirs.push_back(1000000 * i + shift);
  }
  EXPECT_EQ(median_difference(theirs, mine), shift);
}

TEST(Clock, RanksOfOneHostShareTheirs) {
  World world;
  EXPECT_EQ(clock_offset(*world.comm).count(), 0);
}

TEST(Clock, TheFirstRankIsTheMeasure) {
  World world;
  const auto offset = barrier_offset(*world.comm);
  if (world.rank() == 0) {
    EXPECT_EQ(offset.count(), 0);
  }
}

}  // namespace
}  // namespace tokenwerk::test
