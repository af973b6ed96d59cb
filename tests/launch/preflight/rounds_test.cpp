/// Who meets whom in the rounds in which links are measured.

#include "launch/preflight/rounds.h"

#include <gtest/gtest.h>

#include <set>

#include "launch/preflight/links.h"

namespace tokenwerk {
namespace {

class Rounds : public testing::TestWithParam<Index> {};

TEST_P(Rounds, EveryoneMeetsOneOtherOrOfAnOddNumberOneNobody) {
  const Index count = GetParam();
  for (const Index round : rounds_of(count)) {
    Index idle = 0;
    for (Index me = 0; me < count; ++me) {
      const auto partner = partner_in(round, me, count);
      idle += partner ? 0 : 1;
      if (!partner) continue;
      EXPECT_NE(*partner, me);
      EXPECT_GE(*partner, 0);
      EXPECT_LT(*partner, count);
      EXPECT_EQ(partner_in(round, *partner, count), me);
    }
    EXPECT_EQ(idle, count % 2) << "round " << round;
  }
}

TEST_P(Rounds, NoPairMeetsTwice) {
  const Index count = GetParam();
  std::set<std::set<Index>> met;
  for (const Index round : rounds_of(count)) {
    for (Index me = 0; me < count; ++me) {
      const auto partner = partner_in(round, me, count);
      if (!partner || *partner < me) continue;
      EXPECT_TRUE(met.insert({me, *partner}).second) << me << " and " << *partner;
    }
  }
  if (count <= all_pairs_up_to) {
    EXPECT_EQ(std::ssize(met), count * (count - 1) / 2) << "every pair";
  }
}

INSTANTIATE_TEST_SUITE_P(Counts, Rounds,
                         testing::Values(1, 2, 3, 4, 5, 8, 15, 16, 17, 18, 33, 64, 127, 1280));

TEST(RoundsOfMany, AreAsManyAsTheLogarithmSays) {
  EXPECT_EQ(rounds_of(1).size(), 0u);
  EXPECT_EQ(rounds_of(2).size(), 1u);
  EXPECT_EQ(rounds_of(16).size(), 15u);
  EXPECT_EQ(rounds_of(17).size(), 5u);
  EXPECT_EQ(rounds_of(64).size(), 6u);
  EXPECT_EQ(rounds_of(1280).size(), 11u);
  EXPECT_EQ(rounds_of(10240).size(), 14u);
}

/// Hosts a, b, c of 2, 3 and 2 ranks.
const Seats three_hosts = seats_of({"a", "a", "b", "b", "b", "c", "c"});

TEST(Peers, WithinAHostMeetUntilAllHaveMet) {
  std::set<std::set<Index>> met;
  for (std::size_t round = 0; round < 3; ++round)
    for (Index rank = 0; rank < 7; ++rank)
      if (const auto peer = peer_inside(three_hosts, rank, round)) met.insert({rank, *peer});
  EXPECT_EQ(met, (std::set<std::set<Index>>{{0, 1}, {2, 3}, {2, 4}, {3, 4}, {5, 6}}));
}

TEST(Peers, BetweenHostsHaveTheSamePlaceThere) {
  const auto met_by = [](Index lanes) {
    std::set<std::set<Index>> met;
    for (const Index round : rounds_of(3))
      for (Index rank = 0; rank < 7; ++rank)
        if (const auto peer = peer_outside(three_hosts, rank, round, lanes))
          met.insert({rank, *peer});
    return met;
  };
  EXPECT_EQ(met_by(1), (std::set<std::set<Index>>{{0, 2}, {0, 5}, {2, 5}}));
  EXPECT_EQ(met_by(3), (std::set<std::set<Index>>{{0, 2}, {0, 5}, {2, 5}, {1, 3}, {1, 6}, {3, 6}}));
}

}  // namespace
}  // namespace tokenwerk
