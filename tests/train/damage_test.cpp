/// Runs that find their newest checkpoint damaged, or cannot read what is there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/damage.h"
#include "tests/support/training.h"

namespace tokenwerk {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

TEST(DamagedNewest, IsSetAsideByNameAndTheOneBeforeItIsUsed) {
  for (const int ranks : {1, 2, 4}) {
    const TrainingFolder folder(gpt_model);
    folder.train(ranks, "run", {"--checkpoint.every", "5"});
    const fs::path newest = folder.path() / folder.checkpoint("run", 20);
    const fs::path before = folder.path() / folder.checkpoint("run", 15);
    test::write_file(newest / "rank-00000.h5", test::read_file(before / "rank-00000.h5"));
    fs::remove(before / "manifest.json");
    const std::vector<double> losses = folder.losses("run");
    const CommandResult result = folder.train(ranks, "run", {"--checkpoint.resume", "latest"});
    EXPECT_THAT(result.output, HasSubstr("step-00000020: set aside as step-00000020.damaged: "));
    EXPECT_THAT(result.output, HasSubstr("resumes after step 10"));
    EXPECT_THAT(folder.bytes("run/log.txt"), HasSubstr("set aside as step-00000015.damaged: "));
    EXPECT_THAT(folder.bytes(folder.checkpoint("run", 20) += ".damaged/damage.txt"),
                HasSubstr("rank-00000.h5 is damaged: its checksum is"));
    EXPECT_THAT(folder.bytes(folder.checkpoint("run", 15) += ".damaged/damage.txt"),
                HasSubstr("manifest.json"));
    EXPECT_EQ(folder.losses("run"), losses);
    EXPECT_EQ(folder.tokenwerk({"checkpoint", "verify", "run/checkpoints"}).exit_code, 0);
  }
}

TEST(DamagedNewest, OfAnotherRunThatIsOnlyReadKeepsItsName) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "old", {"--checkpoint.every", "10"});
  fs::remove(folder.path() / folder.checkpoint("old", 20) / "manifest.json");
  folder.train(1, "new", {"--checkpoint.resume", "old/checkpoints"});
  EXPECT_TRUE(fs::exists(folder.path() / folder.checkpoint("old", 20)));
}

TEST(DamagedOnly, IsForAPersonToDecideAndKeepsItsName) {
  const TrainingFolder folder(gpt_model);
  const std::vector<std::string> resume{"--training.stop_after", "2", "--checkpoint.resume",
                                        "latest"};
  folder.train(2, "run", {"--training.stop_after", "2"});
  const fs::path only = folder.path() / folder.checkpoint("run", 2);
  const std::string shard = test::read_file(only / "rank-00001.h5");
  const std::string manifest = test::read_file(only / "manifest.json");
  test::write_file(only / "rank-00001.h5", shard.substr(0, shard.size() / 2));
  EXPECT_THAT(folder.train(2, "run", resume, 3).output,
              HasSubstr("none of its checkpoints can be loaded; "));
  test::write_file(only / "rank-00001.h5", shard);
  fs::remove(only / "manifest.json");
  EXPECT_THAT(folder.train(1, "run", resume, 3).output, HasSubstr("manifest.json cannot open"));
  test::write_file(only / "manifest.json", manifest);
  EXPECT_THAT(folder.train(1, "run", resume).output, HasSubstr("resumes after step 2"));
}

TEST(DamagedOnly, EndsARunThatWantsToGoBackToIt) {
  const TrainingFolder folder(gpt_model);
  auto variables = training_environment();
  variables["TOKENWERK_ALLOW_INJECT"] = "1";
  RunningCommand command(
      folder.command(1, "run",
                     {"--checkpoint.every", "3", "--training.on_bad_step", "rewind", "--inject",
                      "slow:rank=0,step=5,seconds=1", "--inject", "nan:rank=0,step=6"}),
      folder.path(), variables);
  const fs::path only = folder.path() / folder.checkpoint("run", 3);
  while (command.is_running() && !fs::exists(only))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  fs::remove(only / "manifest.json");
  const CommandResult result = command.wait();
  EXPECT_EQ(result.exit_code, 3) << result.output;
  EXPECT_THAT(result.output, HasSubstr("none of its checkpoints can be loaded; "));
  EXPECT_TRUE(fs::exists(only / "rank-00000.h5"));
}

TEST(UnfinishedOnly, StartsAtTheBeginning) {
  const TrainingFolder folder(gpt_model);
  const fs::path step = folder.path() / folder.checkpoint("run", 5);
  test::write_file(fs::path(step) += ".writing/rank-00000.h5", "half");
  EXPECT_THAT(
      folder.train(1, "run", {"--training.stop_after", "2", "--checkpoint.resume", "latest"})
          .output,
      HasSubstr("starts at step 0"));
}

TEST(UnreadableNewest, EndsTheRunWith4AndNothingIsSetAside) {
  const TrainingFolder folder(gpt_model);
  const std::vector<std::string> resume{"--training.stop_after", "2", "--checkpoint.resume",
                                        "latest"};
  folder.train(2, "run", {"--training.stop_after", "2", "--checkpoint.every", "1"});
  const fs::path shard = folder.path() / folder.checkpoint("run", 2) / "rank-00001.h5";
  fs::rename(shard, folder.path() / "kept");
  fs::create_symlink(shard.filename(), shard);  // a file that not even root can read
  const CommandResult result = folder.train(2, "run", resume, 4);
  EXPECT_THAT(result.output, testing::ContainsRegex("rank 0 host [^ ]+: .*rank-00001.h5 cannot be "
                                                    "read: Too many levels of symbolic links"));
  EXPECT_THAT(result.output, Not(HasSubstr("set aside")));
  fs::rename(folder.path() / "kept", shard);
  EXPECT_THAT(folder.train(2, "run", resume).output, HasSubstr("resumes after step 2"));
}

TEST(UnreadableData, EndsTheRunWith4AndNamesRankAndHost) {
  const TrainingFolder folder(gpt_model);
  const fs::path tokens = folder.path() / "data/text.bin";
  fs::remove(tokens);
  fs::create_symlink(tokens.filename(), tokens);
  EXPECT_THAT(folder.train(2, "run", {}, 4).output,
              testing::ContainsRegex("rank 0 host [^ ]+: .*Too many levels of symbolic "
                                     "links.*text.bin"));
}

/// Resumes from so many folders whose newest checkpoint is damaged.
void resume_damaged(int rounds) {
  const TrainingFolder folder(gpt_model);
  const std::vector<std::string> short_run{"--training.stop_after", "2", "--checkpoint.every", "1"};
  folder.train(2, "good", short_run);
  std::vector<std::string> other = short_run;
  for (const char* more : {"--model.layers", "3"}) other.emplace_back(more);
  folder.train(2, "other", other);
  std::mt19937 random(5);
  for (int round = 0; round < rounds; ++round) {
    fs::remove_all(folder.path() / "bad");
    fs::copy(folder.path() / "good", folder.path() / "bad", fs::copy_options::recursive);
    const fs::path newest = folder.path() / folder.checkpoint("bad", 2);
    const test::Damage damage =
        test::damage_checkpoint(newest, folder.path() / folder.checkpoint("other", 2), random);
    SCOPED_TRACE(damage.what);
    const CommandResult result =
        folder.train(1, "bad", {"--training.stop_after", "1", "--checkpoint.resume", "latest"},
                     damage.other_model ? 3 : 0);
    EXPECT_THAT(result.output, HasSubstr(damage.other_model ? "model.layers: checkpoint 3, recipe 2"
                                         : damage.view_only ? "resumes after step 2"
                                                            : "resumes after step 1"));
    EXPECT_EQ(fs::exists(fs::path(newest) += ".damaged"), !damage.view_only && !damage.other_model);
  }
}

TEST(DamagedNewest, NeverCrashesARunNorIsTakenForSound) { resume_damaged(8); }

// As its own test of the label long.
TEST(DamagedNewest, DISABLED_NeverInAThousandForms) { resume_damaged(1000); }

}  // namespace
}  // namespace tokenwerk
