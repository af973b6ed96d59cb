/// events.jsonl and the sign of life.

#include "launch/events.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "launch/heartbeat.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

TEST(Events, AreOneObjectALineWithWhatApplies) {
  EXPECT_EQ(json_line(RunEvent{.name = "died",
                               .attempt = 2,
                               .step = 17,
                               .rank = 3,
                               .host = "n2",
                               .seconds_lost = 1.5,
                               .what = "a \"word\""},
                      1763842534.25),
            R"({"time":"2025-11-22T20:15:34.250Z","event":"died","attempt":2,"step":17,)"
            R"("rank":3,"host":"n2","seconds_lost":1.5,"what":"a \"word\""})");
}

TEST(Events, ABadStepHasItsNumbersAndWhatIsNotFiniteIsNull) {
  EXPECT_EQ(json_line(RunEvent{.name = "skip",
                               .step = 7,
                               .loss = 2.5,
                               .grad_norm = std::nan(""),
                               .what = "gradient norm nan"},
                      1763842534.25),
            R"({"time":"2025-11-22T20:15:34.250Z","event":"skip","step":7,"loss":2.5,)"
            R"("grad_norm":null,"what":"gradient norm nan"})");
}

TEST(Events, TheFirstOneTellsWhenTheRunBegan) {
  const test::TemporaryFolder folder;
  const EventLog log(folder.path());
  EXPECT_EQ(log.began(), std::nullopt);
  const double before = unix_seconds_now();
  log.write({.name = "start"});
  log.write({.name = "done"});
  ASSERT_TRUE(log.began());
  EXPECT_NEAR(*log.began(), before, 60);
  EXPECT_GE(*log.began(), before - 0.001) << "to the millisecond";
  log.begin_anew();
  EXPECT_EQ(log.began(), std::nullopt);
  EXPECT_FALSE(test::read_file(folder.path() / "events.previous.jsonl").empty());
}

TEST(Events, ThePreflightOfARunStaysWithIt) {
  const test::TemporaryFolder folder;
  const EventLog log(folder.path());
  for (const char* name : {"preflight", "start", "done", "preflight", "preflight"})
    log.write({.name = name, .what = "x"});
  log.begin_anew();
  const std::string left = test::read_file(folder.path() / "events.jsonl");
  EXPECT_EQ(std::ranges::count(left, '\n'), 2);
  EXPECT_EQ(left.find("done"), std::string::npos) << left;
}

TEST(Events, AFolderThatIsGoneEndsNothing) { EventLog("/nowhere/at/all").write({.name = "saved"}); }

TEST(Events, AFullDiskLeavesNoHalfLineAndWhatItRefusedComesLater) {
  const test::TemporaryFolder folder;
  const EventLog log(folder.path());
  log.write({.name = "start"});
  const auto size = std::filesystem::file_size(folder.path() / "events.jsonl");
  {
    const test::FileSizeLimit full(size + 30);
    log.write({.name = "saved"});
    EXPECT_EQ(std::filesystem::file_size(folder.path() / "events.jsonl"), size);
  }
  log.retry();
  const std::string text = test::read_file(folder.path() / "events.jsonl");
  EXPECT_EQ(std::ranges::count(text, '\n'), 2) << text;
  EXPECT_NE(text.find("\"saved\"}\n"), std::string::npos) << text;
}

class SignOfLife : public testing::Test {
 protected:
  void SetUp() override { ::setenv(attempt_variable, "4", 1); }
  void TearDown() override { ::unsetenv(attempt_variable); }
  [[nodiscard]] std::optional<Heartbeat> read() const {
    return read_heartbeat(heartbeat_file(folder_.path()));
  }
  test::TemporaryFolder folder_;
};

TEST_F(SignOfLife, ReadsAsItWasWrittenAndEachDiffers) {
  HeartbeatWriter writer(folder_.path(), 0);
  writer.beat("a long phase to begin with", 0);
  const auto first = read();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->attempt, 4);
  writer.beat("step", 12);
  const auto second = read();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->step, 12);
  EXPECT_EQ(second->phase, "step");
  writer.beat("step", 12);
  EXPECT_NE(read(), second);
  HeartbeatWriter(folder_.path(), 0).beat(first->phase, first->step);
  EXPECT_NE(read(), first) << "of another launch";
}

TEST_F(SignOfLife, IsGivenByTheFirstRankOfASupervisedRunOnly) {
  HeartbeatWriter(folder_.path(), 1).beat("step", 1);
  ::unsetenv(attempt_variable);
  HeartbeatWriter(folder_.path(), 0).beat("step", 1);
  EXPECT_FALSE(read());
}

TEST_F(SignOfLife, AFullDiskIsInTheWayOfTheFirstOneAlone) {
  HeartbeatWriter writer(folder_.path(), 0);
  {
    const test::FileSizeLimit full(20);
    writer.beat("step", 1);
    EXPECT_FALSE(read());
  }
  writer.beat("step", 2);
  ASSERT_TRUE(read()) << "one failure is not the end";
  EXPECT_EQ(read()->step, 2);
  HeartbeatWriter next(folder_.path(), 0);
  EXPECT_TRUE(read()) << "the room is kept";
  next.beat("loading", 3);
  EXPECT_EQ(read()->step, 3);
}

TEST_F(SignOfLife, IsGivenAnewWhereItsFolderWasTakenAway) {
  const std::filesystem::path run = folder_.path() / "run";
  std::filesystem::create_directory(run);
  HeartbeatWriter writer(run, 0);
  writer.beat("step", 1);
  std::filesystem::rename(run, folder_.path() / "taken");
  writer.beat("step", 2);
  ASSERT_TRUE(read_heartbeat(heartbeat_file(run)));
  std::filesystem::remove(heartbeat_file(run));
  writer.beat("step", 3);
  ASSERT_TRUE(read_heartbeat(heartbeat_file(run)));
  EXPECT_EQ(read_heartbeat(heartbeat_file(run))->step, 3);
}

TEST_F(SignOfLife, AHalfWrittenOneIsNone) {
  test::write_file(heartbeat_file(folder_.path()), "{\"attempt\": 4, \"be");
  EXPECT_FALSE(read());
}

}  // namespace
}  // namespace tokenwerk
