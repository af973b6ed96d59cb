/// Law 4 through `tokenwerk launch`: whatever kills the ranks, the run reaches its last step with
/// the losses of one that met nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "tests/train/launch_support.h"

namespace tokenwerk {
namespace {

TEST_F(Launch, AKilledRankCostsTheStepsSinceTheLastCheckpointAndNothingElse) {
  folder_.train(2, "whole");
  const CommandResult result =
      launch("killed", {"--checkpoint.async", "false", "--inject", "kill:rank=1,step=13",
                        "--inject", "kill:rank=0,step=18,attempt=2"});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(folder_.losses("killed"), folder_.losses("whole"));
  const auto died = events("killed", "died");
  ASSERT_EQ(died.size(), 2u);
  EXPECT_EQ(died[0].at("rank"), 1);
  EXPECT_EQ(died[0].at("step"), 12);
  EXPECT_EQ(died[1].at("rank"), 0);
  EXPECT_GT(died[1].at("seconds_lost"), 0);
  const auto resumed = events("killed", "resume");
  ASSERT_EQ(resumed.size(), 2u);
  EXPECT_EQ(resumed[0].at("step"), 10);
  EXPECT_EQ(resumed[1].at("step"), 15);
  const auto recovered = events("killed", "recovered");
  ASSERT_EQ(recovered.size(), 2u);
  EXPECT_GE(recovered[0].at("time"), events("killed", "first step")[1].at("time"));
  EXPECT_EQ(events("killed", "start").size(), 1u);
  EXPECT_EQ(events("killed", "done").size(), 1u);
}

TEST_F(Launch, ADeathBeforeTheFirstCheckpointStartsAgain) {
  folder_.train(2, "whole");
  const CommandResult result = launch("early", {"--inject", "exit:rank=0,step=3"});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(folder_.losses("early"), folder_.losses("whole"));
  const auto died = events("early", "died");
  ASSERT_EQ(died.size(), 1u);
  EXPECT_THAT(died[0].at("what").get<std::string>(),
              testing::StartsWith("rank 0 ended first, with an exit code; the last line: "));
}

TEST_F(Launch, AStoppedRankIsAHangThatEndsAndRestarts) {
  folder_.train(2, "whole");
  const CommandResult result =
      launch("hung", {"--inject", "stop:rank=1,step=13", "--hang-seconds", "15"});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(folder_.losses("hung"), folder_.losses("whole"));
  const auto hangs = events("hung", "hang");
  ASSERT_EQ(hangs.size(), 1u);
  EXPECT_EQ(hangs[0].at("step"), 12) << "not what the rank does once it is woken up to its end";
  EXPECT_GE(hangs[0].at("seconds_lost"), 15);
}

TEST_F(Launch, RestartsReadTheRecipeAsItWasAtFirst) {
  folder_.train(2, "whole");
  RunningCommand running(command("edited", {"--inject", "slow:rank=0,step=3,seconds=0.2",
                                            "--inject", "kill:rank=1,step=9"}),
                         folder_.path(), environment());
  ASSERT_TRUE(running.wait_for_output("step 2/", patience)) << running.output();
  test::write_file(folder_.path() / "recipe.toml", "training.learning_rate = 7\nnonsense");
  EXPECT_EQ(running.wait().exit_code, 0) << running.output();
  EXPECT_EQ(folder_.losses("edited"), folder_.losses("whole"));
}

TEST_F(Launch, GivesUpWhereRestartsBringNoCheckpoint) {
  std::vector<std::string> faults{"--restarts", "1"};
  for (const char* attempt : {"1", "2"}) {
    faults.emplace_back("--inject");
    faults.push_back(std::string("kill:rank=1,step=2,attempt=") + attempt);
  }
  const CommandResult result = launch("lost", faults);
  EXPECT_EQ(result.exit_code, 4) << result.output;
  EXPECT_EQ(events("lost", "died").size(), 2u);
  EXPECT_EQ(events("lost", "gave_up").size(), 1u);
}

TEST_F(Launch, ASignalSavesEndsWith75AndTheNextLaunchGoesOn) {
  const std::vector<std::string> longer{"--training.steps", "100", "--checkpoint.every", "0"};
  folder_.train(2, "whole", longer);
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string run = "signal" + std::to_string(signal);
    auto flags = longer;
    flags.insert(flags.end(), {"--inject", "slow:rank=0,step=6,seconds=0.05"});
    RunningCommand running(command(run, flags), folder_.path(), environment());
    ASSERT_TRUE(running.wait_for_output("step 5/100", patience)) << running.output();
    running.send(signal);
    const CommandResult result = running.wait();
    ASSERT_EQ(result.exit_code, 75) << result.output;
    ASSERT_LT(folder_.losses(run).size(), 100u);
    flags = longer;
    flags.insert(flags.end(), {"--checkpoint.resume", "latest"});
    ASSERT_EQ(launch(run, flags).exit_code, 0);
    EXPECT_EQ(folder_.losses(run), folder_.losses("whole"));
  }
}

TEST_F(Launch, FlagsOfItsOwnAreChecked) {
  const std::vector<std::vector<std::string>> wrong{
      {"--hang-seconds", "nan"},   {"--grace-seconds", "1e99"}, {"--hosts", ""},
      {"--exclude", "nofile.txt"}, {"--ranks-per-hosts", "2"},  {"--threads-per-rank", "100000"},
      {"--sbatch", "time=1"},      {"--hosts", "-n1"},          {"--checkpoint.local", "/x/{hst}"}};
  const std::vector<std::string> said{
      "--hang-seconds",     "--grace-seconds", "--hosts", "nofile.txt", "--ranks-per-host",
      "--threads-per-rank", "time=1",          "-n1",     "{host}"};
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    const CommandResult result = launch("wrong", wrong[i]);
    EXPECT_EQ(result.exit_code, 2) << wrong[i][0] << ": " << result.output;
    EXPECT_NE(result.output.find(said[i]), std::string::npos) << wrong[i][0] << result.output;
  }
  const CommandResult nowhere =
      run_command(tokenwerk_command(1, {"launch", "no.toml"}), folder_.path(), environment());
  EXPECT_EQ(nowhere.exit_code, 2) << nowhere.output;
}

TEST_F(Launch, GoesOnWithoutStandardStreams) {
  std::vector<std::string> closed{"/bin/sh", "-c", "\"$0\" \"$@\" <&- >&- 2>&-"};
  for (const std::string& part : command("closed", {})) closed.push_back(part);
  EXPECT_EQ(run_command(closed, folder_.path(), environment()).exit_code, 0);
  EXPECT_EQ(folder_.bytes("closed/.lock"), "");
  EXPECT_EQ(folder_.losses("closed").size(), 20u);
}

TEST_F(Launch, WhatNoRestartCanMendEndsAtOnce) {
  const CommandResult recipe = launch("wrong", {"--training.stepz", "3", "--parallel.tensor", "3"});
  EXPECT_EQ(recipe.exit_code, 2) << recipe.output;
  EXPECT_NE(recipe.output.find("--training.steps"), std::string::npos) << recipe.output;
  EXPECT_NE(recipe.output.find("parallel.tensor"), std::string::npos) << recipe.output;
  const CommandResult policy = launch("nan", {"--training.learning_rate", "1e30"});
  EXPECT_EQ(policy.exit_code, 5) << policy.output;
  EXPECT_TRUE(events("nan", "died").empty());
  const CommandResult nobody = launch("nobody", {"--inject", "kill:rank=7,step=3"});
  EXPECT_EQ(nobody.exit_code, 2) << nobody.output;
  EXPECT_NE(nobody.output.find("rank 7 of ranks 0 to 1"), std::string::npos) << nobody.output;
  const CommandResult never = launch("never", {"--inject", "kill:rank=1,step=21"});
  EXPECT_EQ(never.exit_code, 2) << never.output;
  EXPECT_NE(never.output.find("step 21 of steps 1 to 20"), std::string::npos) << never.output;
  const CommandResult twice = launch("twice", {"--hosts", "n1,n2", "--spares", "n2,n3"});
  EXPECT_EQ(twice.exit_code, 2) << twice.output;
  EXPECT_NE(twice.output.find("--spares: n2 is one of --hosts"), std::string::npos) << twice.output;
}

TEST_F(Launch, ADryRunPrintsWhatWouldRunAndRunsNothing) {
  const CommandResult result =
      launch("dry", {"--dry-run", "--hosts", "n1,n2", "--threads-per-rank", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("mpirun --host n1:2,n2:2 -n 4"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("train recipe.toml --checkpoint.every 5 --log.directory dry"),
            std::string::npos)
      << result.output;
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "dry"));
}

}  // namespace
}  // namespace tokenwerk
