/// Which of the ranks that must hold the same do not.

#include "launch/replica_vote.h"

#include <gtest/gtest.h>

namespace tokenwerk {
namespace {

using Arrays = std::vector<std::size_t>;

TEST(ReplicaVote, FindsNothingWhereAllAreAlike) {
  const ReplicaVote vote = vote_of(std::vector<std::uint64_t>{7, 8, 7, 8, 7, 8}, 2);
  EXPECT_TRUE(vote.arrays.empty() && vote.odd.empty() && vote.clear);
  EXPECT_TRUE(vote_of({}, 0).arrays.empty());
}

TEST(ReplicaVote, BelievesTheMajorityOfEachArray) {
  // Three ranks with three arrays each: rank 2 differs in the last, rank 0 in the first two.
  const ReplicaVote vote = vote_of(std::vector<std::uint64_t>{0, 5, 3, 1, 2, 3, 1, 2, 9}, 3);
  EXPECT_EQ(vote.arrays, (Arrays{0, 1, 2}));
  EXPECT_TRUE(vote.clear);
  ASSERT_EQ(vote.odd.size(), 2u);
  EXPECT_EQ(vote.odd[0], (ReplicaVote::Odd{0, {0, 1}}));
  EXPECT_EQ(vote.odd[1], (ReplicaVote::Odd{2, {2}}));
}

TEST(ReplicaVote, BlamesNobodyWithoutAMajority) {
  for (const std::vector<std::uint64_t>& hashes :
       {std::vector<std::uint64_t>{1, 2}, {1, 1, 2, 2}, {1, 2, 3}, {1, 1, 2, 3}}) {
    const ReplicaVote vote = vote_of(hashes, 1);
    EXPECT_EQ(vote.arrays, (Arrays{0}));
    EXPECT_TRUE(vote.odd.empty());
    EXPECT_FALSE(vote.clear);
  }
}

TEST(ReplicaVote, ListsSomeAndCountsTheRest) {
  const std::vector<std::string> names{"a", "b", "c", "d"};
  EXPECT_EQ(list_of(names, 2), "a, b and 2 more");
  EXPECT_EQ(list_of(names, 4), "a, b, c, d");
}

}  // namespace
}  // namespace tokenwerk
