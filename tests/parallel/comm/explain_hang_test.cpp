#include <gtest/gtest.h>

#include <algorithm>

#include "parallel/comm/ledger_report.h"

namespace tokenwerk {
namespace {

ReportedCall call(Index number, const std::string& what, double seconds = 0) {
  return {.communicator = 1,
          .axis = Axis::data,
          .group = {0, 1, 4},
          .number = number,
          .what = what,
          .site = "a.cpp:" + std::to_string(what.size()),
          .peers = {},
          .seconds = seconds};
}

RankStanding waiting(const ReportedCall& in) { return {"n1", LedgerReport{{in}, {in}}}; }
RankStanding busy(const ReportedCall& since) { return {"n2", LedgerReport{{}, {since}}}; }
RankStanding silent() { return {"n3", std::nullopt}; }

TEST(ExplainHang, TheSilentRankIsNamedAndWhoWaitsTogetherIsOneLine) {
  const ReportedCall at = call(7, "all_reduce", 12);
  EXPECT_EQ(
      explain_hang({waiting(at), waiting(at), silent(), waiting(at)}),
      (std::vector<std::string>{
          "rank 2 host n3: has not come to all_reduce, number 7 over data (ranks 0-3) at "
          "a.cpp:10; it gives no answer (stopped, dead or cut off)",
          "waiting for 12 s: ranks 0-1,3 wait in all_reduce, number 7 over data (ranks 0-3) at "
          "a.cpp:10"}));
}

TEST(ExplainHang, ARankThatIsBehindAndComputesIsNamedWithItsLastCall) {
  const ReportedCall at = call(7, "all_reduce", 12);
  const auto lines =
      explain_hang({waiting(at), busy(call(6, "barrier")), waiting(at), waiting(at)});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0],
            "rank 1 host n2: has not come to all_reduce, number 7 over data (ranks 0-3) at "
            "a.cpp:10; it answers, but waits for nobody (computes, reads or writes since its "
            "barrier, number 6 over data (ranks 0-3) at a.cpp:7)");
}

TEST(ExplainHang, WhoWaitsForASilentRankElsewhereIsNotToBlame) {
  ReportedCall receive = call(3, "exchange", 20);
  receive.peers = {3};
  const ReportedCall at = call(7, "all_reduce", 12);
  RankStanding between = waiting(receive);
  between.report->latest = {call(6, "all_reduce")};
  const auto lines = explain_hang({waiting(at), waiting(at), between, silent()});
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].substr(0, 16), "rank 3 host n3: ");
  EXPECT_EQ(lines[2].substr(0, 33), "waiting for 20 s: rank 2 waits in");
}

TEST(ExplainHang, CallsThatDifferAreNamedThoughSomeHaveGoneOn) {
  const ReportedCall sum = call(7, "all_reduce", 5);
  RankStanding ahead = waiting(call(8, "barrier", 5));
  ahead.report->latest = {call(7, "broadcast"), call(8, "barrier")};
  const auto lines = explain_hang({waiting(sum), waiting(sum), waiting(sum), ahead});
  EXPECT_NE(std::ranges::find(lines,
                              "calls do not match over data (ranks 0-3), number 7: ranks 0-2 call "
                              "all_reduce at a.cpp:10; rank 3 calls broadcast at a.cpp:9"),
            lines.end())
      << testing::PrintToString(lines);
}

TEST(ExplainHang, EachGroupAlongAnAxisHasItsOwnCalls) {
  const auto in_group = [](RankGroup group, const std::string& what) {
    ReportedCall out = call(17, what, 5);
    out.axis = Axis::tensor;
    out.group = group;
    return waiting(out);
  };
  const RankGroup one{0, 1, 2}, two{2, 1, 2};
  const auto lines = explain_hang({in_group(one, "all_reduce"), in_group(one, "all_reduce"),
                                   in_group(two, "all_reduce"), in_group(two, "broadcast")});
  EXPECT_EQ(lines[0],
            "calls do not match over tensor (ranks 2-3), number 17: rank 2 calls all_reduce at "
            "a.cpp:10; rank 3 calls broadcast at a.cpp:9");
}

TEST(LedgerReport, IsReadAsItWasWritten) {
  Ledger ledger;
  CallHistory history(ledger);
  CallAtHand queue(ledger);
  CollectiveCall made{.collective = Collective::all_reduce,
                      .axis = Axis::tensor,
                      .group = {2, 4, 3},
                      .communicator = 5,
                      .number = 9,
                      .count = 10,
                      .dtype = DType::f32,
                      .site = CallSite::current()};
  history.note(made);
  queue.begin(made);
  const auto report = read_ledger_report(to_text(report_of(ledger)));
  ASSERT_TRUE(report);
  ASSERT_EQ(report->at_hand.size(), 1u);
  ASSERT_EQ(report->latest.size(), 1u);
  EXPECT_EQ(report->at_hand[0].text(), report->latest[0].text());
  EXPECT_EQ(report->latest[0].text().find(
                "all_reduce, sum of 10 f32 (40 bytes), number 9 over tensor (ranks 2,6..10) at "
                "tests/parallel/comm/explain_hang_test.cpp:"),
            0u)
      << report->latest[0].text();
  EXPECT_EQ(report->latest[0].communicator, 5);
  queue.end();
  EXPECT_TRUE(report_of(ledger).at_hand.empty());
  EXPECT_FALSE(read_ledger_report("no report"));
}

TEST(Ledger, KeepsTheNewestCallsInOrder) {
  Ledger ledger;
  CallHistory history(ledger);
  for (Index number = 1; number <= 20; ++number) history.note({.number = number});
  const auto latest = ledger.latest();
  ASSERT_EQ(latest.size(), CallHistory::kept);
  EXPECT_EQ(latest.front().number, 13);
  EXPECT_EQ(latest.back().number, 20);
}

TEST(TextOfRanks, JoinsNeighbours) {
  EXPECT_EQ(text_of_ranks(std::vector<int>{0, 1, 3}), "0-1,3");
  EXPECT_EQ(text_of_ranks(std::vector<int>{5}), "5");
  EXPECT_EQ(text_of_ranks(std::vector<int>{}), "");
}

}  // namespace
}  // namespace tokenwerk
