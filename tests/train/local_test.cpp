/// Runs that go on from what the hosts hold, without a checkpoint.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/small_disk.h"
#include "tests/support/training.h"

namespace tokenwerk {
namespace {

using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

class Local : public testing::Test {
 protected:
  using Flags = std::vector<std::string>;

  /// Keeps a generation every five steps, and a checkpoint at the end only.
  static Flags with(const Flags& more) {
    Flags flags{"--checkpoint.local",       "disk/{host}",
                "--checkpoint.every",       "0",
                "--checkpoint.local_every", "5"};
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  }
  [[nodiscard]] CommandResult run(const std::vector<std::string>& command) const {
    auto variables = training_environment();
    variables["TOKENWERK_ALLOW_INJECT"] = "1";
    return run_command(command, folder_.path(), variables);
  }
  /// Ends before step 13; what is due before is written by then.
  void kill(int ranks, const std::string& name, const Flags& flags = {}) const {
    Flags all = with(flags);
    all.insert(all.end(), {"--checkpoint.async", "false", "--inject", "kill:rank=0,step=13"});
    EXPECT_NE(run(folder_.command(ranks, name, all)).exit_code, 0);
  }
  [[nodiscard]] std::vector<fs::path> files(const std::string& ending) const {
    std::vector<fs::path> out;
    if (!fs::exists(folder_.path() / "disk")) return out;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path() / "disk"))
      if (entry.path().filename().string().ends_with(ending)) out.push_back(entry.path());
    return out;
  }
  [[nodiscard]] std::string events(const std::string& name) const {
    return folder_.bytes(name + "/events.jsonl");
  }

  /// Waits until the file is there and holds the text.
  [[nodiscard]] bool is_written(const fs::path& file, const std::string& text) const {
    for (int i = 0; i < 1000; ++i) {
      std::ifstream stream(folder_.path() / file);
      const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
      if (bytes.find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  const TrainingFolder folder_{gpt_model};
};

TEST_F(Local, AKilledRunGoesOnBitForBitWithoutAnyCheckpoint) {
  const std::vector<Flags> layouts{
      {}, {"--parallel.zero", "1"}, {"--parallel.zero", "3", "--parallel.tensor", "2"}};
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    const int ranks = 1 << i;
    const std::string name = std::to_string(ranks);
    folder_.train(ranks, "whole" + name, layouts[i]);
    kill(ranks, name, layouts[i]);
    EXPECT_TRUE(fs::is_empty(folder_.path() / name / "checkpoints") ||
                !fs::exists(folder_.path() / folder_.checkpoint(name, 10)));
    Flags flags = with(layouts[i]);
    flags.insert(flags.end(), {"--checkpoint.resume", "latest"});
    const CommandResult result = folder_.train(ranks, name, flags);
    EXPECT_THAT(result.output, HasSubstr("resumes after step 10"));
    EXPECT_THAT(events(name), HasSubstr("the local generation of step 10"));
    EXPECT_THAT(events(name), HasSubstr("there is no checkpoint"));
    EXPECT_EQ(folder_.losses(name), folder_.losses("whole" + name));
    EXPECT_TRUE(files(".h5").empty());  // the run has ended and is saved
  }
}

TEST_F(Local, AnotherNumberOfRanksGoesOnWithTheSameLosses) {
  folder_.train(1, "whole");
  for (const Flags& layout :
       std::vector<Flags>{{"--parallel.zero", "3"}, {"--parallel.tensor", "2"}}) {
    const std::string name = layout.front();
    kill(4, name, layout);
    const CommandResult result =
        folder_.train(2, name, with({"--parallel.zero", "1", "--checkpoint.resume", "latest"}));
    EXPECT_THAT(result.output, HasSubstr("resumes after step 10"));
    expect_same_losses(folder_.losses(name), folder_.losses("whole"));
  }
}

TEST_F(Local, ADamagedGenerationIsSetAsideAndTheCheckpointUsed) {
  folder_.train(2, "whole");
  kill(2, "run", {"--checkpoint.every", "8"});
  const auto shards = files("rank-00001.h5");
  ASSERT_FALSE(shards.empty());
  for (const fs::path& shard : shards) {
    std::string bytes = test::read_file(shard);
    bytes[bytes.size() / 2] ^= 1;
    test::write_file(shard, bytes);
  }
  const CommandResult result = folder_.train(2, "run", with({"--checkpoint.resume", "latest"}));
  EXPECT_THAT(result.output, HasSubstr("rank-00001.h5 is damaged"));
  EXPECT_THAT(result.output, HasSubstr("what rank 1 wrote is on no host that is left"));
  EXPECT_THAT(result.output, HasSubstr("resumes after step 8"));
  EXPECT_THAT(events("run"), HasSubstr("the checkpoint of step 8"));
  EXPECT_EQ(folder_.losses("run"), folder_.losses("whole"));
}

TEST_F(Local, AGenerationIsUsedThatIsOlderThanADamagedCheckpointAndNewerThanASoundOne) {
  folder_.train(1, "whole");
  kill(1, "run", {"--checkpoint.every", "4"});
  const fs::path shard = folder_.path() / folder_.checkpoint("run", 12) / "rank-00000.h5";
  std::string bytes = test::read_file(shard);
  bytes[bytes.size() / 2] ^= 1;
  test::write_file(shard, bytes);
  const CommandResult result = folder_.train(1, "run", with({"--checkpoint.resume", "latest"}));
  EXPECT_THAT(result.output, HasSubstr("resumes after step 10"));
  EXPECT_EQ(folder_.losses("run"), folder_.losses("whole"));
}

TEST_F(Local, ACopiedRunFolderIsAnotherRun) {
  folder_.train(1, "whole");
  kill(1, "run", {"--checkpoint.every", "8"});
  fs::copy(folder_.path() / "run", folder_.path() / "copy", fs::copy_options::recursive);
  const Flags on = with({"--checkpoint.resume", "latest"});
  const CommandResult copy = folder_.train(1, "copy", on);
  EXPECT_THAT(copy.output, HasSubstr("resumes after step 8"));
  EXPECT_THAT(copy.output, HasSubstr("what the hosts hold of that run is left alone"));
  EXPECT_THAT(folder_.train(1, "run", on).output, HasSubstr("resumes after step 10"));
  EXPECT_EQ(folder_.losses("copy"), folder_.losses("whole"));
}

TEST_F(Local, ANewerCheckpointIsUsedAndWhatAFreshRunFindsGoes) {
  kill(2, "run", {"--checkpoint.every", "12"});
  EXPECT_THAT(
      folder_
          .train(2, "run", with({"--checkpoint.resume", "latest", "--training.stop_after", "14"}))
          .output,
      HasSubstr("resumes after step 12"));
  kill(2, "other");
  const auto before = files(".h5");
  EXPECT_FALSE(before.empty());
  kill(2, "other");
  for (const fs::path& shard : before) EXPECT_FALSE(fs::exists(shard));
}

TEST_F(Local, AGenerationIsNoCheckpointForARunThatEnds) {
  kill(2, "run");
  folder_.train(2, "run", with({"--checkpoint.resume", "latest", "--training.stop_after", "10"}));
  EXPECT_EQ(folder_.tokenwerk({"checkpoint", "verify", folder_.checkpoint("run", 10)}).exit_code,
            0);
}

TEST_F(Local, AFolderThatCannotBeWrittenStopsNoTraining) {
  folder_.train(2, "whole");
  test::write_file(folder_.path() / "disk", "in the way");
  const CommandResult result = folder_.train(2, "run", with({}));
  EXPECT_THAT(result.output, HasSubstr("step 5: local generation not kept: "));
  EXPECT_THAT(result.output, HasSubstr("step 15: local generation not kept: "));
  EXPECT_THAT(result.output, HasSubstr("all ranks are on one host"));
  EXPECT_THAT(events("run"), HasSubstr("\"local_save_failed\""));
  EXPECT_EQ(folder_.losses("run"), folder_.losses("whole"));
}

TEST_F(Local, ItIsWrittenBesideCheckpointsAndWhileTrainingWaits) {
  folder_.train(2, "whole");
  for (const std::string async : {"true", "false"}) {
    const CommandResult result =
        folder_.train(2, async, with({"--checkpoint.every", "10", "--checkpoint.async", async}));
    EXPECT_THAT(result.output, HasSubstr("local generation kept on this host"));
    EXPECT_THAT(result.output, Not(HasSubstr("not kept")));
    EXPECT_EQ(folder_.losses(async), folder_.losses("whole"));
    EXPECT_EQ(folder_.tokenwerk({"checkpoint", "verify", folder_.checkpoint(async, 10)}).exit_code,
              0);
  }
}

TEST_F(Local, ItIsKeptByItsOwnCostWhereTheRecipeSaysSo) {
  folder_.train(2, "whole");
  // At 4 ms between failures and 1 s for a generation, as is taken first, 86 ms of training.
  const Flags by_cost{"--checkpoint.local_every", "auto", "--checkpoint.mtbf_hours", "1e-6"};
  Flags flags = with(by_cost);
  flags.insert(flags.end(),
               {"--inject", "slow:rank=0,step=1,seconds=0.05", "--inject", "kill:rank=1,step=18"});
  EXPECT_NE(run(folder_.command(2, "run", flags)).exit_code, 0);
  EXPECT_THAT(events("run"), HasSubstr("\"saved_local\""));
  Flags again = with(by_cost);
  again.insert(again.end(), {"--checkpoint.resume", "latest"});
  folder_.train(2, "run", again);
  EXPECT_THAT(events("run"), HasSubstr("the local generation of step"));
  EXPECT_EQ(folder_.losses("run"), folder_.losses("whole"));
}

TEST_F(Local, ARewindGoesToTheNewestGeneration) {
  folder_.train(1, "whole", {"--training.skip_batches", "12"});
  auto flags = with({"--training.on_bad_step", "rewind", "--inject", "nan:rank=0,step=12"});
  const CommandResult result = run(folder_.command(1, "run", flags));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("back to step 10, a local generation"));
  EXPECT_EQ(folder_.losses("run"), folder_.losses("whole"));
}

TEST_F(Local, AfterARewindNothingGoesOnFromWhatAnotherHostHoldsFromBeforeIt) {
  folder_.train(1, "whole", {"--training.skip_batches", "9"});
  kill(1, "run", {"--checkpoint.every", "8"});
  const auto shards = files(".h5");
  ASSERT_FALSE(shards.empty());
  const fs::path kept = std::ranges::max(shards).parent_path(), away = folder_.path() / "away";
  for (const fs::path& shard : shards)  // the kill may have come before it was removed
    if (shard.parent_path() != kept) fs::remove_all(shard.parent_path());
  fs::rename(kept, away);  // its host has no ranks for a while
  Flags flags = with({"--checkpoint.every", "8", "--training.on_bad_step", "rewind",
                      "--checkpoint.resume", "latest"});
  Flags faulty = flags;
  faulty.insert(faulty.end(), {"--checkpoint.local_every", "0", "--inject", "nan:rank=0,step=9",
                               "--inject", "slow:rank=0,step=10,seconds=5"});
  auto variables = training_environment();
  variables["TOKENWERK_ALLOW_INJECT"] = "1";
  RunningCommand second(folder_.command(1, "run", faulty), folder_.path(), variables);
  ASSERT_TRUE(second.wait_for_output("back to step 8", std::chrono::seconds(60)))
      << second.output();
  ASSERT_TRUE(is_written(folder_.checkpoint("run", 8) / "manifest.json", "\"action\":\"rewind\""));
  second.send(SIGKILL);
  EXPECT_EQ(second.wait().exit_code, 128 + SIGKILL);
  fs::rename(away, kept);
  const CommandResult result = folder_.train(1, "run", flags);
  EXPECT_THAT(result.output, HasSubstr("resumes after step 8"));
  EXPECT_EQ(folder_.losses("run"), folder_.losses("whole"));
}

TEST_F(Local, ARunGoesOnThoughTheSharedDiskIsFullAndKeepsGenerationsOnceItIsNot) {
  const test::SmallDisk disk(folder_.path() / "run", "4m");
  if (!disk.mounted()) GTEST_SKIP() << "mounts no disk: not root";
  kill(2, "run", {"--checkpoint.every", "8"});
  const fs::path ballast = folder_.path() / "run/ballast";
  test::fill(ballast);
  const auto patience = std::chrono::seconds(60);
  RunningCommand second(
      folder_.command(2, "run",
                      with({"--checkpoint.resume", "latest", "--training.steps", "100000"})),
      folder_.path(), training_environment());
  for (const char* said : {"no local generation is kept until it can be written",
                           "resumes after step 10", "step 15: local generation not kept: "})
    EXPECT_TRUE(second.wait_for_output(said, patience)) << second.output();
  EXPECT_EQ(files("rank-00000.h5").size(), 1u);  // that of step 10 still is the newest that counts
  fs::remove(ballast);
  EXPECT_TRUE(second.wait_for_output("local generation kept on this host", patience))
      << second.output();
  second.send(SIGUSR1);
  EXPECT_EQ(second.wait().exit_code, 75) << second.output();
}

using LongLocal = Local;
TEST_F(LongLocal, TheSupervisorCountsGenerationsAsProgress) {
  folder_.train(2, "whole");
  Flags arguments{"launch",          "recipe.toml", "--ranks-per-host", "2",
                  "--log.directory", "run",         "--restarts",       "1"};
  const Flags flags = with({"--checkpoint.async", "false"});
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  for (const char* fault : {"kill:rank=1,step=9", "kill:rank=0,step=13,attempt=2",
                            "kill:rank=1,step=18,attempt=3", "kill:rank=1,step=17,attempt=4"})
    arguments.insert(arguments.end(), {"--inject", fault});
  const CommandResult result = run(tokenwerk_command(1, arguments));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("from what the hosts hold of step 10"));
  for (const char* from : {"the local generation of step 5", "the local generation of step 10",
                           "the local generation of step 15"})
    EXPECT_THAT(events("run"), HasSubstr(from));
  EXPECT_EQ(folder_.losses("run"), folder_.losses("whole"));
}

}  // namespace
}  // namespace tokenwerk
