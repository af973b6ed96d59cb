/// What is wrong is said, with the file and the exit code of the design.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <csignal>
#include <fstream>

#include "core/file_descriptor.h"
#include "tests/support/training.h"

namespace tokenwerk {
namespace {

void expect_named(const CommandResult& result, int exit_code, const std::string& named) {
  EXPECT_EQ(result.exit_code, exit_code) << result.output;
  EXPECT_NE(result.output.find(named), std::string::npos)
      << "wants " << named << " in: " << result.output;
}

void expect_said_once(const CommandResult& result, const std::string& text) {
  EXPECT_EQ(result.output.find(text), result.output.rfind(text)) << result.output;
  EXPECT_EQ(result.output.find("MPI_ABORT"), std::string::npos) << result.output;
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

TEST(Fault, AnotherSeedIsRefusedSinceTheDataWouldComeInAnotherOrder) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "run", {"--training.stop_after", "2"});
  expect_named(folder.train(1, "run", {"--checkpoint.resume", "latest", "--training.seed", "2"}, 3),
               3, "training.seed: checkpoint 1, recipe 2");
}

TEST(Fault, AMissingVocabularyIsSaidOnceByAllRanks) {
  const TrainingFolder folder(gpt_model);
  std::filesystem::remove(folder.path() / "data/text.tokenizer.json");
  const CommandResult result = folder.train(2, "run", {}, 2);
  expect_named(result, 2, "model.vocabulary: missing");
  expect_said_once(result, "model.vocabulary");
}

TEST(Fault, ALossThatIsNoNumberStopsTheRunWith5AndIsLogged) {
  const TrainingFolder folder(gpt_model);
  for (const int ranks : {1, 2}) {
    const std::string run = "run" + std::to_string(ranks);
    const CommandResult result =
        folder.train(ranks, run,
                     {"--training.learning_rate", "1e30", "--training.clip", "0",
                      "--training.warmup_steps", "0"},
                     5);
    expect_named(result, 5, "training stops");
    expect_said_once(result, "training stops");
    EXPECT_EQ(result.output.find("-nan"), std::string::npos) << result.output;
    EXPECT_NE(folder.bytes(run + "/log.txt").find("error step"), std::string::npos);
  }
}

TEST(Fault, MissingDataIsNamedOnceWith3) {
  const TrainingFolder folder(gpt_model);
  for (const int ranks : {1, 2}) {
    const CommandResult result = folder.train(ranks, "run", {"--data.train", "data/nope"}, 3);
    expect_named(result, 3, "no file data/nope.bin");
    expect_said_once(result, "data/nope.bin (it is");
  }
}

TEST(Fault, ARefusedResumeLeavesNoRunBehindAndSaysOnceWhy) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "old", {"--training.stop_after", "1"});
  flip(folder.path() / folder.checkpoint("old", 1) / "rank-00000.h5", 5000);
  std::filesystem::create_directories(folder.path() / "there");
  for (const std::string run : {"there", "new/run"}) {
    const CommandResult result =
        folder.train(2, run, {"--checkpoint.resume", "old/checkpoints"}, 3);
    expect_named(result, 3, "old/checkpoints: none of its checkpoints can be loaded");
    expect_said_once(result, "is damaged: its checksum");
    const CommandResult other = folder.train(2, run, {"--checkpoint.resume", "recipe.toml"}, 3);
    EXPECT_EQ(other.exit_code, 3);
    EXPECT_TRUE(other.output.starts_with("recipe.toml: cannot list: Not a directory\n"))
        << other.output;
    EXPECT_FALSE(std::filesystem::exists(folder.path() / run / "checkpoints"));
  }
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "there"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "new"));
}

TEST(Fault, AnUnknownInstructionSetIsRefused) {
  const TrainingFolder folder(gpt_model);
  std::map<std::string, std::string> environment = training_environment();
  environment["TOKENWERK_ISA"] = "sse9";
  for (const int ranks : {1, 2})
    expect_named(run_command(folder.command(ranks, "run"), folder.path(), environment), 2,
                 "TOKENWERK_ISA=sse9 is none of scalar, avx2, avx512");
}

TEST(Fault, MissingDataIsNamedBesideFaultsOfTheRecipe) {
  const TrainingFolder folder(gpt_model);
  const CommandResult result =
      folder.train(2, "run", {"--data.train", "data/nope", "--parallel.tensor", "3"}, 2);
  expect_named(result, 2, "2 faults in the recipe:\n--parallel.tensor: ");
  expect_named(result, 2, "--data.train: no file data/nope.bin (it is a path prefix");
}

TEST(Fault, AFreshRunBesideCheckpointsOfAnotherIsRefused) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "run", {"--training.stop_after", "4", "--checkpoint.every", "2"});
  const std::string before = folder.bytes("run/metrics.jsonl");
  expect_named(folder.train(1, "run", {}, 2), 2, "step-00000004");
  const std::string older = folder.checkpoint("run", 2).string();
  expect_named(folder.train(1, "run", {"--checkpoint.resume", older}, 2), 2, "step-00000004");
  EXPECT_EQ(folder.bytes("run/metrics.jsonl"), before);
  folder.train(1, "run", {"--checkpoint.resume", folder.checkpoint("run", 4).string()});
  EXPECT_EQ(folder.losses("run").size(), 20u);
}

TEST(Fault, ASecondRunInTheSameFoldersIsRefused) {
  const TrainingFolder folder(gpt_model);
  RunningCommand first(folder.command(1, "run", {"--training.steps", "100000"}), folder.path(),
                       training_environment());
  ASSERT_TRUE(first.wait_for_output("step 2/", std::chrono::seconds(60))) << first.output();
  expect_named(folder.train(1, "run", {}, 2), 2, "another run is using it");
  expect_named(folder.train(1, "other", {"--checkpoint.directory", "run/checkpoints"}, 2), 2,
               "checkpoint.directory = \"run/checkpoints\": another run is using it");
  first.send(SIGUSR1);
  EXPECT_EQ(first.wait().exit_code, 75) << first.output();
}

TEST(Fault, ARunWaitsForTheLastRanksOfAKilledOne) {
  const TrainingFolder folder(gpt_model);
  std::filesystem::create_directories(folder.path() / "run");
  FileDescriptor held(
      ::open((folder.path() / "run/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  ASSERT_EQ(flock(held.get(), LOCK_EX), 0);
  RunningCommand next(folder.command(1, "run", {}), folder.path(), training_environment());
  ASSERT_TRUE(next.wait_for_output("a run is still using it", std::chrono::seconds(60)));
  held.reset();
  EXPECT_EQ(next.wait().exit_code, 0) << next.output();
}

TEST(Fault, FoldersThatCannotBeMadeAreNamedBeforeTraining) {
  const TrainingFolder folder(gpt_model);
  std::ofstream(folder.path() / "file") << "not a folder";
  const CommandResult log = folder.train(2, "file", {}, 2);
  expect_named(log, 2, "log.directory = \"file\": cannot be made");
  expect_said_once(log, "log.directory = ");
  const CommandResult checkpoints =
      folder.train(1, "run", {"--checkpoint.directory", "file/deeper"}, 2);
  expect_named(checkpoints, 2, "checkpoint.directory = \"file/deeper\": cannot be made");
  EXPECT_EQ(checkpoints.output.find("step 1"), std::string::npos) << checkpoints.output;
}

TEST(Fault, OtherDataOrTokenizerIsNoticed) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "run", {"--training.stop_after", "2"});
  const std::string recipe = folder.bytes("run/recipe.toml");
  expect_named(folder.train(1, "run",
                            {"--checkpoint.resume", "latest", "--data.train",
                             "data/text.validation", "--model.vocabulary", "257"},
                            3),
               3, "data.train: the checkpoint has learnt from");
  EXPECT_EQ(folder.bytes("run/recipe.toml"), recipe) << "a refused run left its recipe";
  std::ofstream(folder.path() / "other.txt") << "other text, for another tokenizer. " << recipe;
  const CommandResult prepared =
      folder.tokenwerk({"prepare", "--input", "other.txt", "--output", "data/other", "--documents",
                        "line", "--vocabulary", "320"});
  ASSERT_EQ(prepared.exit_code, 0) << prepared.output;
  expect_named(folder.tokenwerk(
                   {"generate", "run/checkpoints", "--tokenizer", "data/other", "--tokens", "3"}),
               3, "not the tokenizer that the model learnt with");
  expect_named(folder.tokenwerk({"evaluate", "run/checkpoints", "--data", "data/other"}), 3, "");
}

TEST(Fault, WeightsOfAnotherModelAreRefusedWithTheDifference) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "run", {"--training.stop_after", "1"});
  expect_named(
      folder.train(1, "fresh", {"--model.initial", "run/checkpoints", "--model.width", "64"}, 3), 3,
      "model.width: checkpoint 32, recipe 64");
}

TEST(Fault, AModelLargerThanTheMachineIsRefusedBeforeItStarts) {
  const TrainingFolder folder(gpt_model);
  expect_named(folder.train(1, "run", {"--model.layers", "2147483647"}, 2), 2,
               "model.layers is 2147483647: wants 1 to 65536");
  expect_named(folder.train(1, "run", {"--model.layers", "60000", "--model.width", "8192"}, 2), 2,
               "more memory than this machine has");
  expect_named(
      folder.train(
          1, "run",
          {"--training.global_batch", "2000000000", "--training.micro_batch", "2000000000"}, 2),
      2, "training.micro_batch = 2000000000");
}

TEST(Fault, OutputThatCannotBeWrittenIsNoSuccess) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "run", {"--training.stop_after", "1"});
  std::vector<std::string> command{"/bin/sh", "-c", "\"$0\" \"$@\" > /dev/full"};
  for (const std::string& part : tokenwerk_command(1, {"generate", "run/checkpoints"}))
    command.push_back(part);
  expect_named(run_command(command, folder.path(), training_environment()), 4,
               "standard output cannot be written");
}

}  // namespace
}  // namespace tokenwerk
