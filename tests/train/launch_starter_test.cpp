/// `tokenwerk launch` and what lies around its ranks: what starts them, hosts that do not answer, a
/// reader of its output who leaves.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "tests/train/launch_support.h"

namespace tokenwerk {
namespace {

using testing::HasSubstr;

TEST_F(Launch, WaitsForHostsThatDoNotAnswer) {
  folder_.train(2, "whole");
  // What mpirun reaches other hosts with: out of order for the first three times.
  test::write_file(folder_.path() / "agent",
                   "#!/bin/sh\nshift\necho >>calls\n[ $(wc -l <calls) -gt 3 ] || exit 1\n"
                   "exec sh -c \"$*\"\n");
  std::filesystem::permissions(folder_.path() / "agent", std::filesystem::perms::owner_all);
  auto variables = environment();
  variables["OMPI_MCA_plm_rsh_agent"] = (folder_.path() / "agent").string();
  const auto over = [&](const std::string& run, const std::string& seconds) {
    return run_command(command(run, {"--hosts", "elsewhere", "--outage-seconds", seconds}),
                       folder_.path(), variables);
  };
  const CommandResult result = over("waited", "60");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("too few hosts answer"), std::string::npos) << result.output;
  EXPECT_EQ(folder_.losses("waited"), folder_.losses("whole"));
  std::filesystem::remove(folder_.path() / "calls");
  EXPECT_EQ(over("given_up", "0").exit_code, 4);
  EXPECT_EQ(events("given_up", "gave_up").size(), 1u);
}

TEST_F(Launch, ASignalEndsTheAskingOfHosts) {
  // What mpirun reaches other hosts with: it fails once, then waits for ever.
  test::write_file(folder_.path() / "agent",
                   "#!/bin/sh\nmkdir failed 2>/dev/null && exit 1\n"
                   ": >asked\nwhile [ -e asked ]; do sleep 0.1; done\n");
  std::filesystem::permissions(folder_.path() / "agent", std::filesystem::perms::owner_all);
  auto variables = environment();
  variables["OMPI_MCA_plm_rsh_agent"] = (folder_.path() / "agent").string();
  const auto asked = folder_.path() / "asked";
  // The pre-flight asks first of all: the agent has failed by then.
  const std::vector<std::vector<std::string>> ways{{}, {"--preflight"}};
  for (std::vector<std::string> flags : ways) {
    flags.insert(flags.end(), {"--hosts", "elsewhere"});
    RunningCommand running(command("stopped", flags), folder_.path(), variables);
    for (int i = 0; i < 12000 && !std::filesystem::exists(asked); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    running.send(SIGTERM);
    const CommandResult result = running.wait(std::chrono::seconds(20));
    EXPECT_EQ(result.exit_code, 75) << "a host has 30 s to answer\n" << result.output;
    std::filesystem::remove(asked);
  }
  EXPECT_TRUE(events("stopped", "excluded").empty());
  EXPECT_TRUE(events("stopped", "preflight").empty());
}

TEST_F(Launch, WhatALaunchBeforeLeftIsNoSignOfLife) {
  ASSERT_EQ(launch("run", {"--training.stop_after", "5"}).exit_code, 0);
  const std::vector<std::string> flags{"--checkpoint.resume", "latest", "--restarts", "0"};
  const CommandResult failed =
      run_command(command("run", flags), folder_.path(), environment_with_mpirun("exit 1"));
  EXPECT_EQ(failed.exit_code, 4) << failed.output;
  EXPECT_EQ(events("run", "died").size(), 1u);
  EXPECT_EQ(events("run", "gave_up").size(), 1u);
  // It ends well where it is stopped before it has started a rank.
  RunningCommand stopped(command("run", flags), folder_.path(),
                         environment_with_mpirun("trap 'exit 0' USR1\necho no rank yet\n"
                                                 "while :; do sleep 0.1; done"));
  ASSERT_TRUE(stopped.wait_for_output("no rank yet", patience)) << stopped.output();
  stopped.send(SIGTERM);
  EXPECT_EQ(stopped.wait().exit_code, 75) << stopped.output();
}

TEST_F(Launch, AStarterThatCannotBeStartedAgainIsADeathToo) {
  auto variables = environment_with_mpirun("/bin/rm \"$0\"\nexit 1");
  variables["PATH"] = folder_.path() / "bin";
  const CommandResult result =
      run_command(command("away", {"--restarts", "1"}), folder_.path(), variables);
  EXPECT_EQ(result.exit_code, 4) << result.output;
  const auto died = events("away", "died");
  ASSERT_EQ(died.size(), 2u);
  EXPECT_THAT(died[1].at("what").get<std::string>(), HasSubstr("mpirun cannot be started"));
  EXPECT_EQ(events("away", "gave_up").size(), 1u);
}

TEST_F(Launch, GoesOnWhereNobodyReadsItsOutput) {
  const std::vector<std::string> longer{"--training.steps", "60", "--checkpoint.every", "40"};
  folder_.train(2, "whole", longer);
  auto flags = longer;
  // Slow enough for a line to be a write of its own: after ten that fail mpirun ends its ranks.
  flags.insert(flags.end(),
               {"--inject", "kill:rank=1,step=45", "--inject", "slow:rank=0,step=2,seconds=0.05"});
  // One line, and the reader leaves.
  std::vector<std::string> shell{"sh", "-c", "{ \"$@\"; echo $? >code; } 2>&1 | head -n 1", "sh"};
  const std::vector<std::string> launched = command("unread", flags);
  shell.insert(shell.end(), launched.begin(), launched.end());
  const CommandResult result = run_command(shell, folder_.path(), environment());
  EXPECT_EQ(folder_.bytes("code"), "0\n") << result.output;
  const auto died = events("unread", "died");
  ASSERT_EQ(died.size(), 1u);
  EXPECT_EQ(died[0].at("step"), 44) << "not before";
  EXPECT_EQ(folder_.losses("unread"), folder_.losses("whole"));
}

TEST_F(Launch, WhereAllCheckpointsAreDamagedItDoesNotBeginAnew) {
  const std::filesystem::path five = folder_.checkpoint("damaged", 5),
                              ten = folder_.checkpoint("damaged", 10);
  // Damaged when the second attempt begins.
  const std::string script = "if [ -d first ]; then : >" + (five / "manifest.json").string() +
                             "; : >" + (ten / "manifest.json").string() +
                             "; fi\nmkdir -p first\nexec mpirun \"$@\"";
  const CommandResult result = run_command(
      command("damaged", {"--checkpoint.async", "false", "--inject", "kill:rank=1,step=13"}),
      folder_.path(), environment_with_mpirun(script));
  EXPECT_EQ(result.exit_code, 3) << result.output;
  EXPECT_EQ(events("damaged", "died").size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / ten));
}

TEST_F(Launch, ASignalThatComesBeforeTheRanksIsHeardByThem) {
  for (const int milliseconds : {0, 50}) {
    const std::string run = "soon" + std::to_string(milliseconds);
    RunningCommand running(command(run, {"--training.steps", "100000"}), folder_.path(),
                           environment_with_mpirun("echo the starter runs\nexec mpirun \"$@\""));
    ASSERT_TRUE(running.wait_for_output("the starter runs", patience)) << running.output();
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    running.send(SIGTERM);
    EXPECT_EQ(running.wait(std::chrono::seconds(60)).exit_code, 75) << running.output();
  }
}

}  // namespace
}  // namespace tokenwerk
