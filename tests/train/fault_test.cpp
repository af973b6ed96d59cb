/// What is wrong is said, with the file and the exit code of the design.

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/training.h"

namespace tokenwerk {
namespace {

void expect_named(const CommandResult& result, int exit_code, const std::string& named) {
  EXPECT_EQ(result.exit_code, exit_code) << result.output;
  EXPECT_NE(result.output.find(named), std::string::npos)
      << "wants " << named << " in: " << result.output;
}

void cut(const std::filesystem::path& file, std::uintmax_t bytes) {
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - bytes);
}

void flip(const std::filesystem::path& path, std::streamoff offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(offset);
  const char byte = static_cast<char>(file.get() ^ 0x55);
  file.seekp(offset);
  file.put(byte);
}

TEST(Fault, AWrongRecipeExits2AndNamesEveryFault) {
  const TrainingFolder folder(gpt_model);
  for (int ranks : {1, 2}) {
    const CommandResult result = folder.train(
        ranks, "run",
        {"--training.step", "5", "--training.global_batch", "-3", "--model.heads", "5"}, 2);
    EXPECT_NE(result.output.find("training.steps"), std::string::npos) << result.output;
    EXPECT_NE(result.output.find("training.global_batch"), std::string::npos) << result.output;
    EXPECT_NE(result.output.find("heads"), std::string::npos) << result.output;
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "run"));
}

TEST(Fault, ABatchThatRanksCannotShareIsRefused) {
  const TrainingFolder folder(gpt_model);
  expect_named(folder.train(3, "run", {}, 2), 2, "global_batch");
}

TEST(Fault, DamagedTokensExit3AndAreNamed) {
  const TrainingFolder folder(gpt_model);
  cut(folder.path() / "data/text.bin", 2);
  expect_named(folder.train(1, "run", {}, 3), 3, "data/text");
  expect_named(
      folder.train(1, "run", {"--data.train", "data/missing", "--model.vocabulary", "257"}, 3), 3,
      "data/missing");
}

TEST(Fault, DamagedTokenizerExits3AndIsNamed) {
  const TrainingFolder folder(gpt_model);
  cut(folder.path() / "data/text.tokenizer.json", 5);
  expect_named(folder.train(1, "run", {}, 3), 3, "data/text.tokenizer.json");
}

TEST(Fault, ADamagedCheckpointIsNamedAndTheOneBeforeItIsUsed) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "run");
  const auto newest = folder.path() / folder.checkpoint("run", 20) / "rank-00000.h5";
  flip(newest, 5000);
  const CommandResult verify = folder.tokenwerk({"checkpoint", "verify", "run/checkpoints"});
  expect_named(verify, 3, "rank-00000.h5");
  const CommandResult result = folder.train(1, "run", {"--checkpoint.resume", "latest"});
  EXPECT_NE(result.output.find("rank-00000.h5"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("resumes after step 10"), std::string::npos) << result.output;
  EXPECT_EQ(folder.losses("run").size(), 20u);
}

TEST(Fault, AnotherModelIsRefusedWithTheDifference) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "run", {"--training.stop_after", "2"});
  expect_named(folder.train(1, "run", {"--checkpoint.resume", "latest", "--model.layers", "3"}, 3),
               3, "model.layers: checkpoint 2, recipe 3");
}

TEST(Fault, ALossThatIsNoNumberStopsTheRunWith5) {
  const TrainingFolder folder(gpt_model);
  expect_named(folder.train(1, "run",
                            {"--training.learning_rate", "1e30", "--training.clip", "0",
                             "--training.warmup_steps", "0"},
                            5),
               5, "training stops");
}

}  // namespace
}  // namespace tokenwerk
