/// Law 5: a rank that does not come is named, with what the others wait in, and the run ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/training.h"

namespace tokenwerk {
namespace {

using testing::HasSubstr, testing::MatchesRegex, testing::Not;

class Hang : public testing::Test {
 protected:
  [[nodiscard]] static std::map<std::string, std::string> environment() {
    auto variables = training_environment();
    variables["TOKENWERK_ALLOW_INJECT"] = "1";
    return variables;
  }
  /// A run of so many ranks in which this happens, with a watchdog of so many seconds.
  [[nodiscard]] CommandResult train(int ranks, const std::string& injection,
                                    const std::vector<std::string>& more = {},
                                    const std::string& seconds = "2") const {
    std::vector<std::string> flags{"--inject", injection, "--training.watchdog_seconds", seconds};
    flags.insert(flags.end(), more.begin(), more.end());
    return run_command(folder_.command(ranks, "run", flags), folder_.path(), environment());
  }

  const TrainingFolder folder_{gpt_model};
};

/// The first line that holds the text.
std::string line_with(const std::string& text, const std::string& output) {
  const std::size_t place = output.find(text);
  if (place == std::string::npos) return "nowhere in: " + output;
  const std::size_t begin = output.rfind('\n', place) + 1;
  return output.substr(begin, output.find('\n', place) - begin);
}

TEST_F(Hang, AStoppedRankIsNamedWithWhatTheOthersWaitIn) {
  const CommandResult result = train(2, "stop:rank=1,step=5");
  EXPECT_EQ(result.exit_code, 4) << result.output;
  EXPECT_THAT(line_with("gives no answer", result.output),
              MatchesRegex("rank 1 host [^ ]+: has not come to all_reduce, sum of [0-9]+ f32 .* "
                           "over [a-z]+ .ranks 0-1. at parallel/data/gradient_reducer.cpp:[0-9]+; "
                           "it gives no answer .*"));
  EXPECT_THAT(line_with("waiting for", result.output),
              MatchesRegex("waiting for [0-9]+ s: rank 0 waits in all_reduce, .*"));
}

TEST_F(Hang, OfFourRanksTheStoppedOneIsNamedAlone) {
  const CommandResult result =
      train(4, "stop:rank=2,step=5", {"--parallel.tensor", "2", "--parallel.zero", "1"});
  EXPECT_EQ(result.exit_code, 4) << result.output;
  EXPECT_THAT(line_with("gives no answer", result.output), MatchesRegex("rank 2 host .*"));
  EXPECT_THAT(line_with(": rank 3 waits in", result.output),
              HasSubstr("over tensor (ranks 2-3) at"));
  for (const char* other : {"rank 0 host", "rank 1 host", "rank 3 host"})
    EXPECT_THAT(result.output, Not(HasSubstr(other)));
}

TEST_F(Hang, WhereTheFirstRankIsStoppedTheOthersSaySo) {
  const CommandResult result = train(2, "stop:rank=0,step=5");
  EXPECT_EQ(result.exit_code, 4) << result.output;
  EXPECT_THAT(line_with("gives no answer", result.output),
              MatchesRegex("rank 1: rank 0 host [^ ]+: gives no answer .*; rank 1 has waited for "
                           "[0-9]+ s in all_reduce, .* over [a-z]+ .ranks 0-1. at .*"));
}

TEST_F(Hang, ARankThatIsBusyIsToldApart) {
  const CommandResult result = train(2, "slow:rank=1,step=5,seconds=1000");
  EXPECT_EQ(result.exit_code, 4) << result.output;
  EXPECT_THAT(line_with("rank 1 host", result.output),
              HasSubstr("it answers, but waits for nobody"));
}

TEST_F(Hang, ASlowRankIsNoHangAndZeroSecondsWatchNothing) {
  for (const char* seconds : {"60", "0"}) {
    const CommandResult result =
        train(2, "slow:rank=1,step=20,seconds=3",
              {"--checkpoint.directory", std::string("kept") + seconds}, seconds);
    EXPECT_EQ(result.exit_code, 0) << result.output;
  }
}

TEST_F(Hang, TheSupervisorRestartsAndTheLossesAreTheUndisturbedOnes) {
  folder_.train(2, "whole");
  for (const std::string rank : {"0", "1"}) {
    const std::string run = "hung" + rank;
    const auto result = run_command(
        tokenwerk_command(1, {"launch", "recipe.toml", "--ranks-per-host", "2", "--log.directory",
                              run, "--checkpoint.every", "5", "--training.watchdog_seconds", "2",
                              "--inject", "stop:step=8,rank=" + rank}),
        folder_.path(), environment());
    EXPECT_EQ(result.exit_code, 0) << result.output;
    const std::string named = "rank " + rank + " host";
    EXPECT_THAT(line_with("gives no answer", result.output), HasSubstr(named));
    EXPECT_THAT(folder_.bytes(run + "/events.jsonl"), HasSubstr(named));
    EXPECT_EQ(folder_.losses(run), folder_.losses("whole"));
  }
}

TEST_F(Hang, ComparingCallsChangesNoLoss) {
  folder_.train(4, "plain", {"--parallel.pipeline", "2"});
  folder_.train(4, "checked", {"--parallel.pipeline", "2", "--training.check_collectives", "true"});
  EXPECT_EQ(folder_.losses("checked"), folder_.losses("plain"));
}

}  // namespace
}  // namespace tokenwerk
