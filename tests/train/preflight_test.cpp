/// `tokenwerk doctor --allocation` and `launch --preflight` through the real command line.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/training.h"

namespace tokenwerk {
namespace {

using testing::HasSubstr, testing::MatchesRegex, testing::Not, testing::StartsWith;

class Preflight : public testing::Test {
 protected:
  [[nodiscard]] static std::map<std::string, std::string> environment() {
    auto variables = training_environment();
    variables["TOKENWERK_ALLOW_INJECT"] = "1";
    return variables;
  }
  [[nodiscard]] CommandResult run(int ranks, const std::vector<std::string>& arguments) const {
    return run_command(tokenwerk_command(ranks, arguments), folder_.path(), environment());
  }
  /// Of all ranks of this host, writing little; the list goes to list.txt.
  [[nodiscard]] CommandResult examine(int ranks, const std::vector<std::string>& flags = {},
                                      const std::string& tolerance = "95") const {
    std::vector<std::string> arguments{
        "doctor",      "--allocation", "--exclude-file",   "list.txt",
        "--tolerance", tolerance,      "--disk-megabytes", "4"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return run(ranks, arguments);
  }
  [[nodiscard]] CommandResult launch(const std::vector<std::string>& flags) const {
    std::vector<std::string> arguments{"launch", "recipe.toml", "--ranks-per-host", "2"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return run(1, arguments);
  }
  [[nodiscard]] bool is_there(const std::string& file) const {
    return std::filesystem::exists(folder_.path() / file);
  }

  const TrainingFolder folder_{gpt_model};
};

TEST_F(Preflight, MeasuresEveryQuantityOfOneTwoAndFourRanks) {
  for (const int ranks : {1, 2, 4}) {
    const CommandResult result = examine(ranks);
    ASSERT_EQ(result.exit_code, 0) << result.output;
    for (const char* part :
         {"on 1 host, cpu, measured", "matrix product, GFLOP/s", "memory, GB/s", "free memory, GiB",
          "disk write, MB/s", "disk read, MB/s", "beside two others"})
      EXPECT_THAT(result.output, HasSubstr(part)) << ranks;
    EXPECT_EQ(result.output.find("link inside, MB/s") != std::string::npos, ranks > 1);
    EXPECT_THAT(folder_.bytes("list.txt"), MatchesRegex("# Hosts to leave out: [^\n]*\n"));
  }
}

TEST_F(Preflight, ADiskThatNoHostCanWriteIsNobodysFault) {
  const CommandResult result = examine(2, {"--folder", "no/such/folder"});
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("disk: no/such/folder: no file can be made here"));
  EXPECT_THAT(result.output, Not(HasSubstr("slow: ")));
}

TEST_F(Preflight, ARankThatHangsIsNamedAndLeavesNoList) {
  const CommandResult result = examine(4, {"--hang-seconds", "3", "--inject", "stop:rank=2"});
  EXPECT_EQ(result.exit_code, 4) << result.output;
  EXPECT_THAT(result.output, HasSubstr("rank 2 host "));
  EXPECT_THAT(result.output, HasSubstr("gives no answer"));
  EXPECT_FALSE(is_there("list.txt"));
}

TEST_F(Preflight, ASlowRankIsNamedWithItsFigures) {
  const CommandResult result = examine(4, {"--inject", "slow:rank=2,seconds=5"}, "75");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("measured 3 times"));
  EXPECT_THAT(folder_.bytes("list.txt"), HasSubstr("  # matrix product "));
  EXPECT_THAT(folder_.bytes("list.txt"), HasSubstr(" GFLOP/s, rank 2)"));
}

TEST_F(Preflight, WhatCannotBeIsSaidBeforeAnythingIsMeasured) {
  EXPECT_EQ(run(1, {"doctor", "--tolerance", "10"}).exit_code, 2);
  EXPECT_EQ(run(1, {"doctor", "--device", "cpu"}).exit_code, 2);
  EXPECT_EQ(examine(1, {"--inject", "stop:rank=x"}).exit_code, 2);
  const CommandResult result = run(2, {"doctor", "--allocation", "--exclude-file", "no/list.txt"});
  EXPECT_EQ(result.exit_code, 3) << result.output;
  EXPECT_THAT(result.output, HasSubstr("no/list.txt"));
  EXPECT_THAT(result.output, Not(HasSubstr("allocation:")));
}

TEST_F(Preflight, OfALaunchMeasuresFirstAndBelongsToTheRun) {
  for (const char* run : {"first", "again"}) {
    const CommandResult result = launch({"--preflight", "--preflight-tolerance", "95",
                                         "--log.directory", "run", "--checkpoint.directory", run});
    ASSERT_EQ(result.exit_code, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr("allocation: 2 ranks on 1 host"));
    const std::string events = folder_.bytes("run/events.jsonl");
    const std::size_t flight = events.find(R"("event":"preflight")");
    ASSERT_NE(flight, std::string::npos) << events;
    EXPECT_LT(flight, events.find(R"("event":"start")"));
    EXPECT_EQ(events.find(R"("event":"preflight")", flight + 1), std::string::npos)
        << "one of an earlier run is left: " << events;
    EXPECT_THAT(folder_.bytes("run/exclude.txt"), StartsWith("# Hosts to leave out"));
  }
}

TEST_F(Preflight, DryRunsPrintBothCommands) {
  const CommandResult result = launch({"--hosts", "n1,n2", "--spares", "n3", "--preflight",
                                       "--exclude", "n2", "--parallel.data", "4", "--dry-run"});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, MatchesRegex("(.|\n)*--host n1:2,n3:2 -n 4 [^\n]* doctor "
                                          "--allocation [^\n]*\n[^\n]*--host n1:2,n3:2 -n 4 "
                                          "[^\n]* train recipe.toml(.|\n)*"));
  const CommandResult script =
      launch({"--slurm", "--nodes", "4", "--preflight", "--exclude", "n7,n9", "--dry-run"});
  ASSERT_EQ(script.exit_code, 0) << script.output;
  EXPECT_THAT(script.output, HasSubstr("#SBATCH --exclude=n7,n9\n"));
  EXPECT_THAT(script.output, HasSubstr(" --preflight --preflight-seconds 300"));
}

TEST_F(Preflight, ExcludedHostsTakeRanksWithThem) {
  const auto dry = [this](const std::string& exclude) {
    return launch({"--hosts", "n1,n2,n3", "--exclude", exclude, "--parallel.data", "6",
                   "--training.global_batch", "12", "--training.micro_batch", "1", "--dry-run"});
  };
  const CommandResult two = dry("n2,n9");
  ASSERT_EQ(two.exit_code, 0) << two.output;
  EXPECT_THAT(two.output, HasSubstr("--host n1:2,n3:2 -n 4 "));
  EXPECT_THAT(two.output, HasSubstr("--parallel.data 4"));
  EXPECT_THAT(two.output, HasSubstr("--exclude n9: no host or spare of this run is called so"));
  const CommandResult none = dry("n1,n2,n3");
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.output, HasSubstr("too few hosts are left for one replica of the model"));
  EXPECT_EQ(dry("no/such/list").exit_code, 2);
}

}  // namespace
}  // namespace tokenwerk
