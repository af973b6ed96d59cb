/// Law 5 through the real command line: a NaN or a spike is named, logged, and handled as the
/// recipe says; the run goes on as if the batch had never been, whatever the layout.

#include <gmock/gmock.h>

#include <sstream>

#include "tests/support/training.h"

namespace tokenwerk {
namespace {

using testing::HasSubstr;
using Flags = std::vector<std::string>;

/// Ranks and the flags that spread a run over them.
struct Spread {
  int ranks;
  Flags flags;
};

std::vector<Spread> spreads() {
  return {{1, {}},
          {2, {"--parallel.zero", "3"}},
          {2, {"--parallel.tensor", "2"}},
          {2, {"--parallel.pipeline", "2"}},
          {4, {"--parallel.tensor", "2", "--parallel.zero", "1"}},
          {4, {"--parallel.pipeline", "2", "--parallel.zero", "2"}}};
}

Flags operator+(Flags a, const Flags& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class WrongNumbers : public testing::Test {
 protected:
  CommandResult train(int ranks, const std::string& run, const Flags& flags,
                      int exit_code = 0) const {
    auto environment = training_environment();
    environment["TOKENWERK_ALLOW_INJECT"] = "1";
    const Flags common{"--training.steps",          "12", "--checkpoint.every", "5",
                       "--training.validate_every", "0"};
    CommandResult result =
        run_command(folder_.command(ranks, run, common + flags), folder_.path(), environment);
    EXPECT_EQ(result.exit_code, exit_code) << result.output;
    return result;
  }
  /// The events of this name.
  [[nodiscard]] std::vector<nlohmann::json> events(const std::string& run,
                                                   const std::string& name) const {
    std::vector<nlohmann::json> out;
    std::istringstream lines(folder_.bytes(run + "/events.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const auto json = nlohmann::json::parse(line);
      if (json.at("event") == name) out.push_back(json);
    }
    return out;
  }
  void expect_same_arrays(const std::filesystem::path& a, const std::filesystem::path& b) const {
    const CommandResult diff = folder_.tokenwerk({"checkpoint", "diff", "--arrays-only", a, b});
    EXPECT_EQ(diff.exit_code, 0) << diff.output;
  }
  [[nodiscard]] std::string inspected(const std::string& run) const {
    return folder_.tokenwerk({"checkpoint", "inspect", run + "/checkpoints"}).output;
  }

  const TrainingFolder folder_{gpt_model};
};

TEST_F(WrongNumbers, StopEndsWith5SavesWhatWasBeforeAndRecordsIt) {
  for (const Spread& spread : {Spread{1, {}}, Spread{2, {"--parallel.zero", "1"}}}) {
    const std::string run = "stop" + std::to_string(spread.ranks);
    const CommandResult result =
        train(spread.ranks, run, spread.flags + Flags{"--inject", "nan:rank=0,step=7"}, 5);
    EXPECT_THAT(result.output, HasSubstr("gradient norm nan: training stops, nothing was updated"));
    EXPECT_EQ(folder_.losses(run).size(), 6u);
    ASSERT_EQ(events(run, "stop").size(), 1u);
    const nlohmann::json event = events(run, "stop")[0];
    EXPECT_EQ(event.at("step"), 7);
    EXPECT_TRUE(event.at("grad_norm").is_null());
    EXPECT_TRUE(event.at("loss").is_number());
    EXPECT_THAT(inspected(run), HasSubstr("step 6"));
    EXPECT_THAT(inspected(run), HasSubstr("\"action\":\"stop\""));
    // The batch is tried again, and was not at fault.
    train(spread.ranks, run, spread.flags + Flags{"--checkpoint.resume", "latest"});
    train(spread.ranks, "whole" + run, spread.flags);
    EXPECT_EQ(folder_.losses(run), folder_.losses("whole" + run));
  }
}

TEST_F(WrongNumbers, SkipUpdatesNothingAndGoesOnAlikeOnEveryLayout) {
  const Flags fixed{"--training.reproducible", "true", "--training.on_bad_step", "skip", "--inject",
                    "nan:rank=0,step=7"};
  std::vector<double> alone;
  for (const Spread& spread : spreads()) {
    const std::string run = "skip" + std::to_string(alone.size());
    std::filesystem::remove_all(folder_.path() / run);
    const CommandResult result =
        train(spread.ranks, run, fixed + spread.flags + Flags{"--checkpoint.every", "1"});
    EXPECT_THAT(result.output, HasSubstr("step 7/12  skipped"));
    EXPECT_EQ(events(run, "skip").size(), 1u);
    const auto steps = folder_.steps(run);
    ASSERT_EQ(steps.size(), 12u);
    EXPECT_EQ(steps[6].value("skipped", false), true);
    EXPECT_EQ(steps[7].contains("skipped"), false);
    EXPECT_EQ(steps[11].at("tokens"), 12 * 8 * 32);
    expect_same_arrays(folder_.checkpoint(run, 6), folder_.checkpoint(run, 7));
    if (alone.empty()) alone = folder_.losses(run);
    EXPECT_EQ(folder_.losses(run), alone) << "on " << spread.ranks << " ranks";
  }
}

TEST_F(WrongNumbers, RewindGoesOnAsIfTheBatchHadBeenLeftOutFromTheBeginning) {
  int number = 0;
  for (const Spread& spread : spreads()) {
    const std::string run = "rewind" + std::to_string(++number), reference = "reference" + run;
    const std::string last = std::to_string(spread.ranks - 1);
    const CommandResult result =
        train(spread.ranks, run,
              spread.flags + Flags{"--training.on_bad_step", "rewind", "--inject",
                                   "nan:rank=" + last + ",step=7"});
    train(spread.ranks, reference, spread.flags + Flags{"--training.skip_batches", "7"});
    EXPECT_THAT(result.output, HasSubstr("back to step 5, samples 48 to 55 are left out"));
    EXPECT_EQ(folder_.losses(run), folder_.losses(reference)) << "on " << spread.ranks << " ranks";
    ASSERT_EQ(events(run, "rewind").size(), 1u);
    EXPECT_EQ(events(run, "rewind")[0].at("step"), 7);
    expect_same_arrays(folder_.checkpoint(run, 12), folder_.checkpoint(reference, 12));
    EXPECT_THAT(inspected(run), HasSubstr("\"action\":\"rewind\""));
  }
}

TEST_F(WrongNumbers, RewindWithoutACheckpointBeginsAnew) {
  for (const int ranks : {1, 2}) {
    const std::string run = "early" + std::to_string(ranks), reference = "reference" + run;
    const CommandResult result = train(ranks, run,
                                       {"--training.on_bad_step", "rewind", "--inject",
                                        "nan:rank=0,step=3", "--training.precision", "bf16"});
    train(ranks, reference, {"--training.skip_batches", "3", "--training.precision", "bf16"});
    EXPECT_THAT(result.output, HasSubstr("no checkpoint yet: back to the beginning"));
    EXPECT_EQ(folder_.losses(run), folder_.losses(reference));
    expect_same_arrays(folder_.checkpoint(run, 12), folder_.checkpoint(reference, 12));
  }
}

TEST_F(WrongNumbers, AResumedRunGoesOnAsOneThatWasNotInterrupted) {
  for (const char* action : {"skip", "rewind"}) {
    const Flags flags{"--training.on_bad_step", action, "--inject", "nan:rank=0,step=7"};
    const std::string whole = std::string("whole") + action, parts = std::string("parts") + action;
    train(2, whole, flags);
    train(2, parts, flags + Flags{"--training.stop_after", "8"});
    train(2, parts, flags + Flags{"--checkpoint.resume", "latest"});
    EXPECT_EQ(folder_.losses(parts), folder_.losses(whole));
    expect_same_arrays(folder_.checkpoint(parts, 12), folder_.checkpoint(whole, 12));
    train(1, parts + "1", flags + Flags{"--training.stop_after", "8"});
    train(4, parts + "1", flags + Flags{"--checkpoint.resume", "latest", "--parallel.zero", "3"});
    expect_same_losses(folder_.losses(parts + "1"), folder_.losses(whole));
  }
}

TEST_F(WrongNumbers, AKillAfterARewindForgetsNothing) {
  auto environment = training_environment();
  environment["TOKENWERK_ALLOW_INJECT"] = "1";
  const Flags common{"launch",
                     "recipe.toml",
                     "--ranks-per-host",
                     "2",
                     "--restarts",
                     "2",
                     "--training.steps",
                     "12",
                     "--checkpoint.every",
                     "5",
                     "--training.on_bad_step",
                     "rewind"};
  // Killed before another checkpoint is due: what was left out stands in the one gone back to.
  const CommandResult result = run_command(
      tokenwerk_command(1, common + Flags{"--log.directory", "killed", "--inject",
                                          "nan:rank=0,step=7", "--inject", "kill:rank=1,step=9"}),
      folder_.path(), environment);
  ASSERT_EQ(result.exit_code, 0) << result.output;
  train(2, "reference", {"--training.skip_batches", "7"});
  EXPECT_EQ(folder_.losses("killed"), folder_.losses("reference"));
  EXPECT_EQ(events("killed", "rewind").size(), 1u);
  EXPECT_EQ(events("killed", "restart").size(), 1u);
}

TEST_F(WrongNumbers, ASpikeIsSeenByItsZScoreAndByAResumedRunToo) {
  const Flags flags{"--training.on_bad_step",
                    "skip",
                    "--training.spike_z_score",
                    "20",
                    "--training.spike_window",
                    "6",
                    "--inject",
                    "spike:rank=1,step=10,factor=1e4"};
  const CommandResult result = train(2, "whole", flags);
  EXPECT_THAT(result.output, HasSubstr("the gradient norm is a spike, z-score "));
  ASSERT_EQ(events("whole", "skip").size(), 1u);
  EXPECT_EQ(events("whole", "skip")[0].at("step"), 10);
  EXPECT_GT(events("whole", "skip")[0].at("z_score"), 20);
  train(2, "parts", flags + Flags{"--training.stop_after", "8"});
  train(2, "parts", flags + Flags{"--checkpoint.resume", "latest"});
  EXPECT_EQ(folder_.losses("parts"), folder_.losses("whole"));
  EXPECT_EQ(events("parts", "skip").size(), 1u);
  // Not looked for, it is no fault; and looking for what does not come changes no bit.
  const Flags blind = {flags.end() - 2, flags.end()};
  train(2, "blind", blind);
  EXPECT_TRUE(events("blind", "skip").empty());
  train(2, "calm", {flags.begin(), flags.end() - 2});
  train(2, "plain", {});
  EXPECT_EQ(folder_.losses("calm"), folder_.losses("plain"));
}

TEST_F(WrongNumbers, TooManyInARowStop) {
  for (const std::string action : {"skip", "rewind"}) {
    Flags flags{"--training.on_bad_step", action, "--training.most_bad_steps", "2"};
    for (const char* batch : {"7", "8", "9"})
      flags = flags + Flags{"--inject", std::string("nan:rank=0,step=") + batch};
    const CommandResult result = train(2, action, flags, 5);
    EXPECT_THAT(result.output, HasSubstr("after 2 bad steps in a row (training.most_bad_steps)"));
    EXPECT_EQ(events(action, action).size(), 2u);
    EXPECT_EQ(events(action, "stop").size(), 1u);
    flags[3] = "3";
    train(2, action + "3", flags);
  }
}

TEST_F(WrongNumbers, WeightsThatAreBrokenStopWhateverThePolicy) {
  for (const std::string action : {"skip", "rewind"}) {
    const CommandResult result =
        train(2, action,
              {"--training.on_bad_step", action, "--training.clip", "0", "--training.learning_rate",
               "1e30", "--training.steps", "40", "--training.warmup_steps", "0"},
              5);
    EXPECT_THAT(result.output, HasSubstr("after 10 bad steps in a row"));
    EXPECT_EQ(events(action, action).size(), 10u);
    EXPECT_TRUE(events(action, "stop").at(0).at("loss").is_null());
  }
}

TEST_F(WrongNumbers, ARecipeThatAsksForWhatIsNotThereIsRefused) {
  const CommandResult result =
      train(1, "run",
            {"--training.on_bad_step", "rewnd", "--training.spike_z_score", "-1",
             "--training.most_bad_steps", "-1", "--training.skip_batches", "7,x"},
            2);
  EXPECT_THAT(result.output, HasSubstr("the nearest legal value is rewind"));
  EXPECT_THAT(result.output, HasSubstr("spike_z_score"));
  EXPECT_THAT(result.output, HasSubstr("most_bad_steps"));
  EXPECT_THAT(result.output, HasSubstr("\"7,x\" is no list of batches"));
  EXPECT_THAT(
      train(1, "run", {"--training.spike_z_score", "6", "--training.spike_window", "1"}, 2).output,
      HasSubstr("the nearest legal value is 2"));
}

}  // namespace
}  // namespace tokenwerk
