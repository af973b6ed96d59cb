/// Who is called a straggler, and when: by what ranks waited, whatever they compute.

#include "launch/stragglers.h"

#include <gtest/gtest.h>

namespace tokenwerk {
namespace {

using News = StragglerJudge::News;

/// Four ranks of which rank 2 waited so long of 10 s, and each of the others so long.
PeerSeconds four(double straggler, double each_other) {
  return {.ranks = 4,
          .whole = 40,
          .waiting = straggler + 3 * each_other,
          .least_rank = 2,
          .least_waiting = straggler};
}

std::optional<Suspect> suspect(const std::vector<PeerSeconds>& peers) {
  return suspect_of(peers, 0.1);
}

TEST(Stragglers, TheRankThatWaitsLeastWhileTheOthersWaitIsSuspected) {
  const auto found = suspect({four(1, 5)});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->rank, 2);
  EXPECT_DOUBLE_EQ(found->excess, 0.4);
  EXPECT_DOUBLE_EQ(found->waiting, 0.1);
  EXPECT_DOUBLE_EQ(found->peers_waiting, 0.5);
}

TEST(Stragglers, EvenRanksAreNotHoweverMuchTheyWait) {
  EXPECT_FALSE(suspect({four(0.2, 0.9)})) << "too little of the time";
  EXPECT_FALSE(suspect({four(5, 8)})) << "waits more than half as long as the others";
  EXPECT_FALSE(suspect({four(0, 0)}));
}

TEST(Stragglers, ARankWithoutPeersIsNot) {
  EXPECT_FALSE(suspect({{.ranks = 1, .whole = 10, .least_rank = 0}}));
  EXPECT_FALSE(suspect({}));
}

TEST(Stragglers, StagesArePeersOnlyOfThemselves) {
  PeerSeconds second = four(2, 4.5);
  second.least_rank = 6;
  EXPECT_FALSE(
      suspect({four(1, 1.5), {.ranks = 4, .whole = 40, .waiting = 32, .least_waiting = 8}}))
      << "one stage works less than the other";
  EXPECT_EQ(suspect({second, four(1, 5)})->rank, 2) << "the worst of several";
}

TEST(Stragglers, AreBelievedAfterSeveralLooksAndSomeSeconds) {
  StragglerJudge judge;
  const Suspect two{.rank = 2}, three{.rank = 3};
  EXPECT_EQ(judge.look(two, 4), News::none);
  EXPECT_EQ(judge.look(two, 4), News::none) << "two looks may be chance";
  EXPECT_EQ(judge.look(three, 4), News::none);
  EXPECT_EQ(judge.look(two, 1), News::none);
  EXPECT_EQ(judge.look(std::nullopt, 1), News::none);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(judge.look(two, 1), News::none) << "too short a time";
  EXPECT_EQ(judge.look(two, 1), News::named);
  EXPECT_EQ(judge.rank(), 2);
}

TEST(Stragglers, AreToldOnceAndAgainWhenTheyChangeOrEnd) {
  StragglerJudge judge;
  const Suspect two{.rank = 2}, three{.rank = 3};
  const auto look = [&](const std::optional<Suspect>& suspect) { return judge.look(suspect, 10); };
  (void)look(two), (void)look(two);
  EXPECT_EQ(look(two), News::named);
  EXPECT_EQ(look(two), News::none);
  EXPECT_EQ(look(std::nullopt), News::none);
  EXPECT_EQ(look(two), News::none);
  (void)look(three), (void)look(three);
  EXPECT_EQ(look(three), News::named);
  EXPECT_EQ(judge.rank(), 3);
  (void)look(std::nullopt), (void)look(std::nullopt);
  EXPECT_EQ(look(std::nullopt), News::over);
  EXPECT_EQ(judge.rank(), 3);
  EXPECT_EQ(look(std::nullopt), News::none);
}

}  // namespace
}  // namespace tokenwerk
