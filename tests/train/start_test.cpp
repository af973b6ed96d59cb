/// How a run starts: which files it asks for, and where the time goes.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>

#include "tests/support/training.h"

namespace tokenwerk {
namespace {

TEST(Start, NoRankButTheFirstReadsRecipeOrSchedule) {
  const TrainingFolder folder(gpt_model);
  std::ofstream(folder.path() / "plan.txt") << "rank 0: 0F0 0F1 0B0 0B1\nrank 1: 1F0 1F1 1B0 1B1\n";
  const std::string here = folder.path().string();
  const std::vector<std::string> flags{"--parallel.pipeline",
                                       "2",
                                       "--parallel.schedule",
                                       "file:plan.txt",
                                       "--training.micro_batch",
                                       "2",
                                       "--training.global_batch",
                                       "4",
                                       "--data.train",
                                       here + "/data/text",
                                       "--data.validation",
                                       here + "/data/text.validation",
                                       "--training.stop_after",
                                       "3"};
  const CommandResult alike =
      run_command(folder.command(2, here + "/alike", flags), folder.path(), training_environment());
  ASSERT_EQ(alike.exit_code, 0) << alike.output;

  // The second rank stands in a folder that has neither.
  std::filesystem::create_directory(folder.path() / "elsewhere");
  std::vector<std::string> command = folder.command(2, here + "/apart", flags);
  const auto program = std::find(command.begin(), command.end(), "2") + 1;
  const std::vector<std::string> same(program, command.end());
  *(program - 1) = "1";
  command.insert(command.end(), {":", "-n", "1", "--wdir", here + "/elsewhere"});
  command.insert(command.end(), same.begin(), same.end());
  const CommandResult apart = run_command(command, folder.path(), training_environment());
  ASSERT_EQ(apart.exit_code, 0) << apart.output;
  EXPECT_EQ(folder.losses("apart"), folder.losses("alike"));
}

TEST(Start, SaysWhereTheTimeUntilTheFirstStepWent) {
  const TrainingFolder folder(gpt_model);
  const CommandResult result = folder.train(2, "run", {"--training.stop_after", "2"});
  std::smatch found;
  ASSERT_TRUE(std::regex_search(
      result.output, found,
      std::regex(
          R"(start-up: ([0-9.]+) s to the end of the first step: loading [0-9.]+, MPI )"
          R"(([0-9.]+), recipe [0-9.]+, device [0-9.]+, communicators [0-9.]+, data [0-9.]+, )"
          R"(model [0-9.]+, checkpoint [0-9.]+, first step ([0-9.]+), other [0-9.]+ \(of)")))
      << result.output;
  EXPECT_GT(std::stod(found[2]), 0.0);
  EXPECT_GE(std::stod(found[1]), std::stod(found[2]) + std::stod(found[3]));
  EXPECT_NE(folder.bytes("run/events.jsonl").find("\"first step\""), std::string::npos);
}

}  // namespace
}  // namespace tokenwerk
