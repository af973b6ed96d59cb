/// Checkpoints written beside training, and disks that refuse them.

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "tests/support/small_disk.h"
#include "tests/support/training.h"

namespace tokenwerk {
namespace {

using test::fill;
using test::SmallDisk;
using testing::HasSubstr;

constexpr auto patience = std::chrono::seconds(120);

TEST(Save, BesideTrainingChangesNoBitOfItNorOfTheCheckpoints) {
  const TrainingFolder folder(gpt_model);
  const std::vector<std::vector<std::string>> layouts{
      {}, {"--parallel.zero", "1"}, {"--parallel.zero", "3", "--parallel.tensor", "2"}};
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    const int ranks = 1 << i;
    for (const std::string async : {"true", "false"}) {
      std::vector<std::string> flags = layouts[i];
      for (const char* more : {"--checkpoint.every", "3", "--checkpoint.async"})
        flags.emplace_back(more);
      flags.push_back(async);
      folder.train(ranks, std::to_string(ranks) + async, flags);
    }
    const std::string beside = std::to_string(ranks) + "true",
                      plain = std::to_string(ranks) + "false";
    EXPECT_EQ(folder.losses(beside), folder.losses(plain));
    for (const int step : {3, 6, 9, 12, 15, 18, 20}) {
      const std::string a = folder.checkpoint(beside, step), b = folder.checkpoint(plain, step);
      const CommandResult diff = folder.tokenwerk({"checkpoint", "diff", a, b});
      EXPECT_EQ(diff.exit_code, 0) << diff.output;
      EXPECT_EQ(folder.tokenwerk({"checkpoint", "verify", a}).exit_code, 0);
    }
  }
}

TEST(Save, SaysOnceWhatTheCopyTakesAndForEachHowLongItTook) {
  const TrainingFolder folder(gpt_model);
  const CommandResult result = folder.train(2, "run");
  const std::string once = "from a copy of ";
  EXPECT_THAT(result.output, HasSubstr(once));
  EXPECT_EQ(result.output.find(once), result.output.rfind(once));
  EXPECT_THAT(result.output, HasSubstr("step 10  checkpoint saved in run/checkpoints  ("));
  EXPECT_THAT(folder.bytes("run/log.txt"), HasSubstr(" s to write, training waited "));
}

TEST(Save, LeftToTheCostItComesByTheFailureRate) {
  const TrainingFolder folder(gpt_model);
  const std::vector<std::string> automatic{"--checkpoint.every", "auto", "--checkpoint.mtbf_hours"};
  for (const int ranks : {1, 2}) {
    std::vector<std::string> flags = automatic;
    flags.emplace_back("1e-12");
    const std::string often = "often" + std::to_string(ranks),
                      rare = "rare" + std::to_string(ranks);
    EXPECT_THAT(folder.train(ranks, often, flags).output, HasSubstr("; the next in "));
    EXPECT_TRUE(std::filesystem::exists(folder.path() / folder.checkpoint(often, 1)));
    flags.back() = "1e9";
    folder.train(ranks, rare, flags);
    EXPECT_FALSE(std::filesystem::exists(folder.path() / folder.checkpoint(rare, 1)));
    EXPECT_TRUE(std::filesystem::exists(folder.path() / folder.checkpoint(rare, 20)));
    EXPECT_EQ(folder.losses(often), folder.losses(rare));
  }
}

int count_of(const std::string& part, const std::string& text) {
  int count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Save, ThatFailsOnAFullDiskStopsNoTrainingAndTheLastOneEndsWith4) {
  for (const int ranks : {1, 2, 4}) {
    const TrainingFolder folder(gpt_model);
    folder.train(ranks, "whole", {"--checkpoint.every", "5"});
    const SmallDisk disk(folder.path() / "run/checkpoints", "700k");  // room for one checkpoint
    if (!disk.mounted()) GTEST_SKIP() << "mounts no disk: not root";
    const std::vector<std::string> flags{"--checkpoint.every",
                                         "5",
                                         "--checkpoint.keep",
                                         "1",
                                         "--checkpoint.resume",
                                         "latest",
                                         "--checkpoint.last_save_seconds",
                                         "0"};
    const int last = ranks == 1 ? 20 : 18;  // due anyhow, or not
    std::vector<std::string> until = flags;
    until.insert(until.end(), {"--training.stop_after", std::to_string(last)});
    const CommandResult full = folder.train(ranks, "run", until, 4);
    for (const char* said : {"step 10: checkpoint not saved: ", "No space left on device",
                             "the newest is that of step 5", "step 15: checkpoint not saved: "})
      EXPECT_THAT(full.output, HasSubstr(said));
    EXPECT_THAT(full.output,
                HasSubstr(fmt::format("the run ends after step {}, which is not saved", last)));
    EXPECT_THAT(folder.bytes("run/log.txt"), HasSubstr("step 15: checkpoint not saved: "));
    EXPECT_EQ(count_of(fmt::format("step {}: checkpoint not saved: ", last), full.output), 2);
    EXPECT_EQ(folder.losses("run").size(), static_cast<std::size_t>(last));
    EXPECT_EQ(folder.tokenwerk({"checkpoint", "verify", "run/checkpoints"}).exit_code, 0);
    disk.resize("10m");
    EXPECT_THAT(folder.train(ranks, "run", flags).output, HasSubstr("resumes after step 5"));
    EXPECT_EQ(folder.losses("run"), folder.losses("whole"));
  }
}

TEST(Save, TheWholeRunOnAFullDiskGoesOnAndLosesNoLine) {
  const TrainingFolder folder(gpt_model);
  const SmallDisk disk(folder.path() / "run", "4m");
  if (!disk.mounted()) GTEST_SKIP() << "mounts no disk: not root";
  const std::filesystem::path ballast = folder.path() / "run/ballast";
  for (const char* resume : {"never", "latest"}) {
    RunningCommand command(
        folder.command(2, "run",
                       {"--training.steps", "100000", "--checkpoint.every", "5",
                        "--checkpoint.keep", "1", "--checkpoint.resume", resume}),
        folder.path(), training_environment());
    if (!std::filesystem::exists(ballast)) {
      EXPECT_TRUE(command.wait_for_output("checkpoint saved", patience)) << command.output();
      fill(ballast);
    }
    for (const char* said : {"metrics.jsonl: cannot be written: No space left on device",
                             "tfevents", "checkpoint not saved"})
      EXPECT_TRUE(command.wait_for_output(said, patience)) << command.output();
    std::filesystem::remove(ballast);
    EXPECT_TRUE(command.wait_for_output("metrics.jsonl: can be written again", patience))
        << command.output();
    command.send(SIGUSR1);
    EXPECT_EQ(command.wait().exit_code, 75) << command.output();
    const auto steps = folder.steps("run");
    EXPECT_FALSE(steps.empty());
    for (std::size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(steps[i]["step"], i + 1);
    EXPECT_THAT(folder.bytes("run/events.jsonl"), HasSubstr("save_failed"));
    EXPECT_EQ(folder.tokenwerk({"checkpoint", "verify", "run/checkpoints"}).exit_code, 0);
    fill(ballast);  // the next one begins on a full disk
  }
}

TEST(Save, TheLastCheckpointWaitsForRoom) {
  const TrainingFolder folder(gpt_model);
  for (const char* room : {"10m", "100k"}) {
    const std::string run = std::string("run") + room;
    const SmallDisk disk(folder.path() / run / "checkpoints", "100k");
    if (!disk.mounted()) GTEST_SKIP() << "mounts no disk: not root";
    RunningCommand command(folder.command(2, run), folder.path(), training_environment());
    EXPECT_TRUE(command.wait_for_output("the last checkpoint is tried again", patience))
        << command.output();
    disk.resize(room);
    const bool saves = room == std::string("10m");
    if (!saves) command.send(SIGUSR1);
    EXPECT_EQ(command.wait().exit_code, saves ? 0 : 4) << command.output();
    EXPECT_EQ(std::filesystem::exists(folder.path() / folder.checkpoint(run, 20)), saves);
    EXPECT_EQ(folder.steps(run).size(), 20u);
  }
}

/// Trains until the log folder has been taken away for so long, then stops.
CommandResult train_without_its_log_folder(const TrainingFolder& folder,
                                           const std::vector<std::string>& arguments,
                                           std::chrono::seconds time) {
  RunningCommand command(arguments, folder.path(), training_environment());
  EXPECT_TRUE(command.wait_for_output("checkpoint saved", patience)) << command.output();
  std::filesystem::rename(folder.path() / "run", folder.path() / "taken");
  EXPECT_TRUE(command.wait_for_output("metrics.jsonl: was removed or renamed", patience))
      << command.output();
  std::this_thread::sleep_for(time);
  EXPECT_TRUE(command.wait_for_output("run: was removed or renamed, with what it held", patience))
      << command.output();
  const CommandResult second = folder.train(1, "run", {}, 2);
  EXPECT_THAT(second.output, HasSubstr("another run is using it"));
  command.send(SIGUSR1);
  CommandResult result = command.wait();
  EXPECT_EQ(result.exit_code, 75) << result.output;
  EXPECT_FALSE(folder.steps("run").empty());
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "run/recipe.toml"));
  return result;
}

const std::vector<std::string> endless{"--checkpoint.directory", "kept", "--training.steps",
                                       "1000000"};

TEST(Save, ALogFolderThatIsTakenAwayIsMadeAgain) {
  const TrainingFolder folder(gpt_model);
  train_without_its_log_folder(folder, folder.command(2, "run", endless), std::chrono::seconds(0));
}

TEST(LongSave, ALogFolderThatIsTakenAwayIsNoHang) {
  const TrainingFolder folder(gpt_model);
  std::vector<std::string> launch{"launch",          "recipe.toml", "--ranks-per-host", "2",
                                  "--log.directory", "run",         "--hang-seconds",   "8"};
  launch.insert(launch.end(), endless.begin(), endless.end());
  const CommandResult result =
      train_without_its_log_folder(folder, tokenwerk_command(1, launch), std::chrono::seconds(10));
  EXPECT_EQ(result.output.find("no sign of life"), std::string::npos) << result.output;
}

TEST(Save, AFullDiskBehindTheOutputEndsNoTraining) {
  const TrainingFolder folder(gpt_model);
  std::vector<std::string> command{"/bin/sh", "-c", "\"$0\" \"$@\" > /dev/full"};
  for (const std::string& part : folder.command(1, "run")) command.push_back(part);
  const CommandResult result = run_command(command, folder.path(), training_environment());
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("standard output cannot be written"));
  EXPECT_EQ(folder.steps("run").size(), 20u);
}

TEST(Save, TriesAgainWhenThereIsRoomAndASignalThatFindsNoneEndsWith4) {
  const TrainingFolder folder(gpt_model);
  for (const bool room : {true, false}) {
    const std::string run = room ? "room" : "none";
    const SmallDisk disk(folder.path() / run / "checkpoints", "100k");
    if (!disk.mounted()) GTEST_SKIP() << "mounts no disk: not root";
    RunningCommand command(
        folder.command(2, run, {"--training.steps", "100000", "--checkpoint.every", "5"}),
        folder.path(), training_environment());
    EXPECT_TRUE(command.wait_for_output("checkpoint not saved", patience)) << command.output();
    if (room) {
      disk.resize("10m");
      EXPECT_TRUE(command.wait_for_output("checkpoint saved", patience)) << command.output();
    }
    command.send(SIGUSR1);
    const CommandResult result = command.wait();
    EXPECT_EQ(result.exit_code, room ? 75 : 4) << result.output;
    EXPECT_EQ(result.output.find("which is not saved") == std::string::npos, room);
    if (room) continue;
    const auto last = folder.steps(run).back()["step"].get<int>();
    EXPECT_EQ(count_of(fmt::format("step {}: checkpoint not saved: ", last), result.output), 2);
  }
}

TEST(Save, SurvivesThatItsFolderIsTakenAway) {
  const TrainingFolder folder(gpt_model);
  RunningCommand command(
      folder.command(2, "run", {"--training.steps", "100000", "--checkpoint.every", "5"}),
      folder.path(), training_environment());
  const std::filesystem::path checkpoints = folder.path() / "run/checkpoints";
  EXPECT_TRUE(command.wait_for_output("checkpoint saved", patience)) << command.output();
  std::filesystem::rename(checkpoints, folder.path() / "taken");
  std::ofstream(checkpoints) << "in the way";
  EXPECT_TRUE(command.wait_for_output("checkpoint not saved", patience)) << command.output();
  std::filesystem::remove(checkpoints);
  command.send(SIGUSR1);
  EXPECT_EQ(command.wait().exit_code, 75) << command.output();
  EXPECT_EQ(folder.tokenwerk({"checkpoint", "verify", "run/checkpoints"}).exit_code, 0);
}

TEST(Save, ALossThatIsNoNumberLeavesTheCheckpointUnderWayWhole) {
  const TrainingFolder folder(gpt_model);
  folder.train(2, "run",
               {"--training.learning_rate", "1e30", "--training.clip", "0",
                "--training.warmup_steps", "0", "--checkpoint.every", "1"},
               5);
  EXPECT_EQ(folder.tokenwerk({"checkpoint", "verify", "run/checkpoints"}).exit_code, 0);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "run/checkpoints"))
    EXPECT_NE(entry.path().extension(), ".writing");
}

}  // namespace
}  // namespace tokenwerk
