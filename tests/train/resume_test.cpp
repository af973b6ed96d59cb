/// Laws 3 and 4 through the real command line: stopped, killed and resumed runs.

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "tests/support/training.h"

namespace tokenwerk {
namespace {

constexpr auto patience = std::chrono::seconds(120);

/// Metrics without what no two runs share.
std::vector<nlohmann::json> without_times(std::vector<nlohmann::json> steps) {
  for (nlohmann::json& step : steps) {
    for (const char* key : {"step_seconds", "tokens_per_second", "mfu", "comm_exposed_fraction",
                            "data_wait_fraction", "eta_seconds", "goodput"})
      step.erase(key);
  }
  return steps;
}

void expect_equal_checkpoints(const TrainingFolder& folder, const std::string& a,
                              const std::string& b, int step, int ranks) {
  for (int rank = 0; rank < ranks; ++rank) {
    const std::string file = "rank-0000" + std::to_string(rank) + ".h5";
    const std::string bytes = folder.bytes(folder.checkpoint(a, step) / file);
    EXPECT_FALSE(bytes.empty()) << file;
    EXPECT_TRUE(bytes == folder.bytes(folder.checkpoint(b, step) / file)) << file;
  }
}

TEST(Resume, TheSameCommandTwiceGivesTheSameNumbersAndBytes) {
  const TrainingFolder folder(gpt_model);
  folder.train(2, "a");
  folder.train(2, "b");
  EXPECT_EQ(without_times(folder.steps("a")), without_times(folder.steps("b")));
  expect_equal_checkpoints(folder, "a", "b", 20, 2);
}

TEST(Resume, ContinuesBitForBitOnTheSameLayout) {
  for (const char* precision : {"f32", "bf16"}) {
    const TrainingFolder folder(llama_model);
    folder.train(2, "whole", {"--training.precision", precision});
    folder.train(2, "parts", {"--training.precision", precision, "--training.stop_after", "7"});
    EXPECT_EQ(folder.losses("parts").size(), 7u);
    folder.train(2, "parts", {"--training.precision", precision, "--checkpoint.resume", "latest"});
    EXPECT_EQ(folder.losses("parts"), folder.losses("whole"));
    expect_equal_checkpoints(folder, "whole", "parts", 20, 2);
  }
}

TEST(Resume, ContinuesOnAnyOtherNumberOfRanks) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "whole");
  folder.train(4, "parts", {"--training.stop_after", "5"});
  folder.train(1, "parts", {"--training.stop_after", "12", "--checkpoint.resume", "latest"});
  const std::string said = folder.train(2, "parts", {"--checkpoint.resume", "latest"}).output;
  expect_same_losses(folder.losses("parts"), folder.losses("whole"));
  EXPECT_NE(said.find("this run goes on with another recipe: "), std::string::npos) << said;
  EXPECT_NE(said.find("; parallel.data was 1, is 2; "), std::string::npos) << said;
  EXPECT_NE(said.find("; training.stop_after was 12, is not given\n"), std::string::npos) << said;
  EXPECT_EQ(said.find("checkpoint.resume was"), std::string::npos) << said;
}

TEST(Resume, LatestWithoutACheckpointStartsAtTheBeginningAndSaysSo) {
  const TrainingFolder folder(gpt_model);
  const CommandResult result =
      folder.train(1, "run", {"--checkpoint.resume", "latest", "--training.stop_after", "2"});
  EXPECT_NE(result.output.find("starts at step 0"), std::string::npos) << result.output;
  EXPECT_EQ(folder.losses("run").size(), 2u);
}

TEST(Resume, KilledBetweenTwoNamesOfACheckpointItFindsIt) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "run", {"--training.stop_after", "2"});
  const std::filesystem::path step = folder.path() / folder.checkpoint("run", 2);
  std::filesystem::rename(step, std::filesystem::path(step) += ".replaced");
  const CommandResult result =
      folder.train(1, "run", {"--training.stop_after", "3", "--checkpoint.resume", "latest"});
  EXPECT_NE(result.output.find("resumes after step 2"), std::string::npos) << result.output;
  EXPECT_TRUE(std::filesystem::exists(step));
}

TEST(Resume, ASignalSavesThenExits75AndTheRestEqualsTheUnbrokenRun) {
  const TrainingFolder folder(gpt_model);
  const std::vector<std::string> flags{"--training.steps", "100000", "--checkpoint.every", "0"};
  for (int ranks : {1, 2}) {
    const std::string run = "stopped" + std::to_string(ranks);
    RunningCommand command(folder.command(ranks, run, flags), folder.path(),
                           training_environment());
    ASSERT_TRUE(command.wait_for_output("step 5/100000", patience)) << command.output();
    command.send(SIGUSR1);
    EXPECT_EQ(command.wait().exit_code, 75) << command.output();
    const std::size_t stopped = folder.losses(run).size();
    EXPECT_LT(stopped, 100000u);
    folder.train(
        ranks, "whole" + run,
        {"--training.steps", "100000", "--training.stop_after", std::to_string(stopped + 3)});
    folder.train(ranks, run,
                 {"--training.steps", "100000", "--checkpoint.resume", "latest",
                  "--training.stop_after", std::to_string(stopped + 3)});
    EXPECT_EQ(folder.losses(run), folder.losses("whole" + run));
  }
}

TEST(Resume, CtrlCAloneSavesToo) {
  const TrainingFolder folder(gpt_model);
  RunningCommand command(folder.command(1, "run", {"--training.steps", "100000"}), folder.path(),
                         training_environment());
  ASSERT_TRUE(command.wait_for_output("step 3/100000", patience)) << command.output();
  command.send(SIGINT);
  EXPECT_EQ(command.wait().exit_code, 75) << command.output();
}

/// Whether a checkpoint is being written there, or was when a kill came.
bool is_saving(const std::filesystem::path& checkpoints) {
  std::error_code fault;
  for (std::filesystem::directory_iterator entry(checkpoints, fault);
       !fault && entry != std::filesystem::directory_iterator(); entry.increment(fault))
    if (entry->path().extension() == ".writing") return true;
  return false;
}

TEST(Resume, KilledWhileItSavesItGoesOnFromTheCheckpointBefore) {
  const TrainingFolder folder(gpt_model);
  const std::vector<std::string> steps{"--training.steps", "100"};
  std::vector<std::string> every_step = steps;
  every_step.insert(every_step.end(), {"--checkpoint.every", "1", "--checkpoint.resume", "latest"});
  folder.train(1, "whole", steps);
  const std::filesystem::path checkpoints = folder.path() / "killed/checkpoints";
  int hits = 0;
  for (int attempt = 0; hits < 4 && attempt < 20; ++attempt) {
    RunningCommand command(folder.command(1, "killed", every_step), folder.path(),
                           training_environment());
    // The first save of an attempt removes what the kill before has left.
    ASSERT_TRUE(command.wait_for_output("checkpoint saved", patience)) << command.output();
    while (command.is_running() && !is_saving(checkpoints)) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(attempt % 4));
    command.send(SIGKILL);
    EXPECT_NE(command.wait().exit_code, 2);
    hits += is_saving(checkpoints) ? 1 : 0;
  }
  EXPECT_GE(hits, 1);
  folder.train(1, "killed", every_step);
  EXPECT_EQ(folder.losses("killed"), folder.losses("whole"));
  expect_equal_checkpoints(folder, "whole", "killed", 100, 1);
}

}  // namespace
}  // namespace tokenwerk
