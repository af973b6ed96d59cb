/// Law 5: a rank whose weights or optimizer state have silently changed is named, and what it has
/// spoilt is never trusted.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/training.h"

namespace tokenwerk {
namespace {

using testing::ContainsRegex, testing::HasSubstr, testing::Not;
using Flags = std::vector<std::string>;

class Replicas : public testing::Test {
 protected:
  [[nodiscard]] static std::map<std::string, std::string> environment() {
    auto variables = training_environment();
    variables["TOKENWERK_ALLOW_INJECT"] = "1";
    return variables;
  }
  /// A run of so many ranks that compares them every 4 steps and saves only at its end.
  [[nodiscard]] CommandResult train(int ranks, const std::string& run, const Flags& more) const {
    Flags flags{"--training.verify_replicas", "4", "--checkpoint.every", "0"};
    flags.insert(flags.end(), more.begin(), more.end());
    return run_command(folder_.command(ranks, run, flags), folder_.path(), environment());
  }
  void expect_odd(const CommandResult& result, const std::string& run, const std::string& rank,
                  const std::string& step) const {
    EXPECT_EQ(result.exit_code, 4) << result.output;
    EXPECT_THAT(result.output, ContainsRegex("rank " + rank + " host [^ ]+: after step " + step +
                                             " holds other bits than most of its 3 replicas in "));
    EXPECT_THAT(folder_.bytes(run + "/events.jsonl"),
                ContainsRegex("\"event\":\"replicas_differ\",\"step\":" + step +
                              ",\"rank\":" + rank + ",\"host\":\"[^\"]+\""));
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / folder_.checkpoint(run, 20)));
  }

  const TrainingFolder folder_{gpt_model};
  int runs_ = 0;
};

TEST_F(Replicas, TheOddOneOfFourIsNamedWithWhatItHolds) {
  const auto result = train(4, "run", {"--inject", "flip:rank=2,step=6"});
  expect_odd(result, "run", "2", "8");
  EXPECT_THAT(result.output, HasSubstr("model/embedding.tokens.weight ("));
  EXPECT_THAT(result.output, HasSubstr("pipeline 0, data 2, tensor 0"));
  EXPECT_EQ(folder_.steps("run").size(), 8u);
}

TEST_F(Replicas, AFlipInTheMasterCopyOfBf16IsFound) {
  expect_odd(
      train(4, "run", {"--training.precision", "bf16", "--inject", "flip:rank=1,step=5,bit=3"}),
      "run", "1", "8");
}

TEST_F(Replicas, TheOwnerOfAShardIsNamedBeforeThoseThatCopiedIt) {
  for (const std::string zero : {"1", "3"}) {
    const std::string run = "run" + zero;
    expect_odd(train(8, run,
                     {"--parallel.zero", zero, "--parallel.zero_group", "2", "--inject",
                      "flip:rank=5,step=6"}),
               run, "5", "8");
  }
}

TEST_F(Replicas, NobodyIsBlamedWhereTwoDiffer) {
  for (const Flags& layout :
       {Flags{"2"}, Flags{"4", "--parallel.tensor", "2"}, Flags{"4", "--parallel.pipeline", "2"},
        Flags{"4", "--parallel.zero", "1", "--parallel.zero_group", "2"},
        Flags{"4", "--parallel.zero", "3", "--parallel.zero_group", "2"}}) {
    Flags flags(layout.begin() + 1, layout.end());
    flags.insert(flags.end(), {"--inject", "flip:rank=1,step=4"});
    const std::string run = "run" + std::to_string(runs_++);
    const auto result = train(std::stoi(layout.front()), run, flags);
    EXPECT_EQ(result.exit_code, 4) << result.output;
    EXPECT_THAT(result.output, HasSubstr("so which is wrong cannot be told"));
    EXPECT_THAT(result.output, Not(ContainsRegex("rank [0-9]+ host [^ ]+: ")));
  }
}

using LongReplicas = Replicas;
TEST_F(LongReplicas, AnUndisturbedRunIsLeftInPeaceWithTheSameLosses) {
  folder_.train(4, "plain");
  for (const Flags& layout :
       {Flags{}, Flags{"--parallel.zero", "1"}, Flags{"--parallel.zero", "2"},
        Flags{"--parallel.zero", "3"}, Flags{"--parallel.zero", "2", "--parallel.zero_group", "2"},
        Flags{"--parallel.tensor", "2", "--parallel.sequence", "true"},
        Flags{"--parallel.pipeline", "2", "--training.precision", "bf16"}}) {
    const std::string run = "run" + std::to_string(runs_++);
    Flags flags{"--training.verify_replicas", "1"};
    flags.insert(flags.end(), layout.begin(), layout.end());
    const auto result = folder_.train(4, run, flags);
    EXPECT_THAT(result.output, ContainsRegex("before each save a rank compares [0-9]"));
    if (layout.empty()) {
      EXPECT_EQ(folder_.losses(run), folder_.losses("plain"));
    }
  }
}

TEST_F(Replicas, NoCheckpointIsMadeOfWhatDiffers) {
  Flags flags{"--checkpoint.every", "5", "--training.verify_replicas", "100", "--inject",
              "flip:rank=3,step=8"};
  const auto result = run_command(folder_.command(4, "run", flags), folder_.path(), environment());
  EXPECT_EQ(result.exit_code, 4) << result.output;
  EXPECT_THAT(result.output, ContainsRegex("rank 3 host [^ ]+: after step 10 holds other bits"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / folder_.checkpoint("run", 5)));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / folder_.checkpoint("run", 10)));
}

TEST_F(Replicas, TheSupervisorRestartsAndTheLossesAreTheUndisturbedOnes) {
  folder_.train(4, "whole");
  const auto result = run_command(
      tokenwerk_command(1, {"launch", "recipe.toml", "--ranks-per-host", "4", "--log.directory",
                            "run", "--checkpoint.every", "5", "--training.verify_replicas", "5",
                            "--inject", "flip:rank=1,step=7"}),
      folder_.path(), environment());
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(
      folder_.bytes("run/events.jsonl"),
      ContainsRegex(
          "\"event\":\"died\".*\"rank\":1,\"host\":\"[^\"]+\",\"ranks\":4,\"exit_code\":4"));
  EXPECT_EQ(folder_.losses("run"), folder_.losses("whole"));
}

TEST_F(Replicas, OneThatComputesWronglyIsNamedByItsNeighbours) {
  const auto result =
      run_command(folder_.command(4, "run",
                                  {"--training.verify_replay", "3", "--inject",
                                   "corrupt:rank=2,step=5", "--training.verify_replicas", "3"}),
                  folder_.path(), environment());
  EXPECT_EQ(result.exit_code, 4) << result.output;
  EXPECT_THAT(result.output,
              ContainsRegex("rank 2 host [^ ]+: after step 6 computes other gradients "
                            "of the same micro-batches"));
  EXPECT_THAT(folder_.bytes("run/events.jsonl"),
              ContainsRegex("\"event\":\"replicas_differ\",\"step\":6,\"rank\":2,"));
}

TEST_F(Replicas, OfTwoThatComputeDifferentlyNobodyIsBlamed) {
  for (const Flags& layout :
       {Flags{"2"}, Flags{"4", "--parallel.tensor", "2"}, Flags{"4", "--parallel.pipeline", "2"}}) {
    Flags flags(layout.begin() + 1, layout.end());
    flags.insert(flags.end(),
                 {"--training.verify_replay", "3", "--inject", "corrupt:rank=1,step=3"});
    const std::string run = "run" + std::to_string(runs_++);
    const auto result = run_command(folder_.command(std::stoi(layout.front()), run, flags),
                                    folder_.path(), environment());
    EXPECT_EQ(result.exit_code, 4) << result.output;
    EXPECT_THAT(result.output, HasSubstr("which of them computes wrongly cannot be told"));
    EXPECT_THAT(result.output, Not(ContainsRegex("rank [0-9]+ host [^ ]+: ")));
  }
}

TEST_F(LongReplicas, AnUndisturbedReplayFindsNothingAndChangesNoLoss) {
  folder_.train(4, "plain");
  for (const Flags& layout : {Flags{}, Flags{"--parallel.zero", "2", "--training.micro_batch", "2"},
                              Flags{"--parallel.zero", "3"},
                              Flags{"--parallel.tensor", "2", "--parallel.sequence", "true"},
                              Flags{"--parallel.pipeline", "2", "--parallel.schedule", "zb-h1"},
                              Flags{"--training.precision", "bf16", "--parallel.recompute", "full"},
                              Flags{"--training.reproducible", "true", "--parallel.tensor", "2"}}) {
    const std::string run = "run" + std::to_string(runs_++);
    Flags flags{"--training.verify_replay", "2"};
    flags.insert(flags.end(), layout.begin(), layout.end());
    folder_.train(4, run, flags);
    if (layout.empty()) {
      EXPECT_EQ(folder_.losses(run), folder_.losses("plain"));
    }
  }
}

TEST_F(Replicas, WhereNothingIsHeldTwiceTheRunSaysSo) {
  const auto result = folder_.train(1, "run", {"--training.verify_replicas", "4"});
  EXPECT_THAT(result.output, HasSubstr("no rank holds what another holds: nothing is compared"));
}

}  // namespace
}  // namespace tokenwerk
