/// `tokenwerk train RECIPE --check`: recipes looked at as a whole where they cannot run.

#include "launch/check.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "launch/check_report.h"
#include "launch/command_line.h"
#include "tests/launch/recipe_text.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

/// The whole program on one rank, with what it says.
struct Outcome {
  int code = 0;
  std::string text;
};

Outcome run(const std::vector<std::string>& arguments) {
  std::vector<const char*> words{"tokenwerk"};
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  MpiEnvironment alone;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = run_command_line(static_cast<int>(words.size()), words.data(), alone);
  std::fflush(nullptr);
  const std::string out = testing::internal::GetCapturedStdout();
  return {code, out + testing::internal::GetCapturedStderr()};
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// What follows each "#   tokenwerk COMMAND" in a recipe's comments.
std::vector<std::vector<std::string>> commands_in(const std::filesystem::path& recipe,
                                                  const std::string& name) {
  std::ifstream file(recipe);
  std::vector<std::vector<std::string>> commands;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> words = words_of(line);
    if (words.size() > 3 && words[0] == "#" && words[1] == "tokenwerk" && words[2] == name)
      commands.emplace_back(words.begin() + 2, words.end());
  }
  return commands;
}

/// The number behind a flag, or this one.
Index number_after(const std::vector<std::string>& words, const std::string& flag,
                   Index otherwise) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == flag) return std::stoll(words[i + 1]);
  return otherwise;
}

std::filesystem::path examples() {
  return std::filesystem::path(TW_TEST_DATA).parent_path() / "examples";
}

/// Each recipe's own comment says how to check it and how to start it.
TEST(Check, FindsNoFaultInTheRecipesOfExamples) {
  int recipes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(examples())) {
    if (entry.path().extension() != ".toml") continue;
    ++recipes;
    SCOPED_TRACE(entry.path().string());
    const auto checks = commands_in(entry.path(), "train");
    ASSERT_EQ(checks.size(), 1u) << "no comment says how to check it";
    std::vector<std::string> check = checks[0];
    EXPECT_EQ(check[1], "examples/" + entry.path().filename().string());
    check[1] = entry.path().string();
    const Index ranks = number_after(check, "--ranks", 0);
    const Outcome outcome = run(check);
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    EXPECT_NE(outcome.text.find(fmt::format("no faults on {} ranks\n", ranks)), std::string::npos)
        << outcome.text;
    const auto launches = commands_in(entry.path(), "launch");
    EXPECT_FALSE(launches.empty()) << "no comment says how to start it";
    for (std::vector<std::string> launch : launches) {
      EXPECT_EQ(launch[1], "examples/" + entry.path().filename().string());
      EXPECT_EQ(number_after(launch, "--nodes", 1) * number_after(launch, "--ranks-per-host", 1),
                ranks);
      launch[1] = entry.path().string();
      launch.emplace_back("--dry-run");
      const Outcome composed = run(launch);
      EXPECT_EQ(composed.code, 0) << composed.text;
      EXPECT_NE(composed.text.find(entry.path().string()), std::string::npos) << composed.text;
    }
  }
  EXPECT_GE(recipes, 5);
}

/// A recipe on disk.
struct RecipeFile {
  explicit RecipeFile(const std::string& text = test::small) {
    test::write_file(folder / "run.toml", text);
  }
  [[nodiscard]] Outcome check(std::vector<std::string> flags) const {
    flags.insert(flags.begin(), {"train", path, "--check"});
    return run(flags);
  }
  const test::TemporaryFolder folder;
  const std::string path = folder / "run.toml";
};

TEST(Check, TellsLayoutBatchScheduleMemoryAndGroups) {
  const RecipeFile recipe;
  const Outcome outcome = recipe.check(
      {"--ranks", "8", "--model.vocabulary", "100", "--parallel.tensor", "2", "--parallel.pipeline",
       "2", "--parallel.zero", "1", "--data.sequence_length", "16", "--training.micro_batch", "1"});
  EXPECT_EQ(outcome.code, 0);
  for (const char* part :
       {"no faults on 8 ranks\n",
        "layout    pipeline 2 x data 2 x tensor 2; zero 1 in groups of 2 data ranks; recompute "
        "none; f32\n",
        "batch     8 sequences a step = 2 data ranks x 4 micro-batches of 1; 128 tokens a step\n",
        "run       100 steps, 1.28e+04 tokens;", "schedule  1f1b: 2 stages of 1 block; bubble 0.2",
        "memory    rank 0 holds most: ", "; activations are not counted\n",
        "rank 0: pipeline 0 of 2, replicate 0 of 1, shard 0 of 2, tensor 0 of 2\n",
        "rank 4: pipeline 1 of 2, replicate 0 of 1, shard 0 of 2, tensor 0 of 2\n"
        "  stages          1 (1), 1 block\n"
        "  tensor          4,5 (2)\n"
        "  shard           4,6 (2)\n"
        "  data            4,6 (2)\n"
        "  pipeline        0,4 (2)\n",
        "rank 7: ", "data      not looked at; not here yet: no file data/bible.bin"})
    EXPECT_NE(outcome.text.find(part), std::string::npos) << part << "\n\n" << outcome.text;
}

TEST(Check, NamesEveryFaultAndNothingOfTheData) {
  const RecipeFile recipe;
  const Outcome outcome = recipe.check({"--ranks", "10240", "--parallel.tensor", "3",
                                        "--parallel.pipeline", "4", "--training.steps", "0"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.text.find("4 faults in the recipe:\n"), 0u) << outcome.text;
  for (const char* part : {"--parallel.tensor: 3 does not divide 10240 ranks",
                           "4 stages are more than model.layers = 2",
                           "is no multiple of training.micro_batch x parallel.data = "})
    EXPECT_NE(outcome.text.find(part), std::string::npos) << part << "\n\n" << outcome.text;
  EXPECT_EQ(outcome.text.find("data/bible"), std::string::npos) << outcome.text;
}

TEST(Check, RefusesWhatTheDeviceCannotHold) {
  const RecipeFile recipe;
  const std::vector<std::string> large{"--model.preset", "llama3-8b", "--model.layers", "32",
                                       "--model.family", "llama"};
  const auto check = [&](const char* memory) {
    std::vector<std::string> flags = large;
    flags.insert(flags.end(),
                 {"--model.width", "4096", "--model.heads", "32", "--model.vocabulary", "128256",
                  "--parallel.tensor", "4", "--ranks", "4", "--device-memory", memory});
    return recipe.check(flags);
  };
  // State of 16 bytes a parameter, a quarter of them on each rank: 32 GB.
  EXPECT_EQ(check("40GB").code, 0);
  const Outcome little = check("20GB");
  EXPECT_EQ(little.code, 2);
  EXPECT_NE(little.text.find("more memory than --device-memory has"), std::string::npos)
      << little.text;
}

/// The quick estimate takes all ranks for equal; the head makes the last one hold most.
TEST(Check, RefusesWhatTheFullestRankCannotHold) {
  const RecipeFile recipe;
  const Outcome outcome =
      recipe.check({"--ranks", "2", "--parallel.pipeline", "2", "--model.tied", "false",
                    "--model.vocabulary", "1000000", "--parallel.stages", "1,1",
                    "--data.sequence_length", "16", "--device-memory", "1980MiB"});
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  const Outcome less =
      recipe.check({"--ranks", "4", "--parallel.pipeline", "2", "--model.layers", "3",
                    "--parallel.stages", "1,2", "--model.width", "512", "--model.vocabulary", "100",
                    "--data.sequence_length", "16", "--device-memory", "80MiB"});
  EXPECT_EQ(less.code, 2);
  EXPECT_NE(less.text.find("rank 2 holds "), std::string::npos) << less.text;
}

TEST(Check, ReadsTheTokenizerWhereItIs) {
  const RecipeFile recipe;
  const std::string data = recipe.folder / "text";
  test::write_file(recipe.folder / "text.txt", "In the beginning was the Word.\n");
  EXPECT_EQ(run({"prepare", "--input", recipe.folder / "text.txt", "--output", data, "--tokenizer",
                 "bytes"})
                .code,
            0);
  const Outcome outcome = recipe.check({"--data.train", data});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.text.find("not looked at; the token files are there"), std::string::npos)
      << outcome.text;
  const Outcome small = recipe.check({"--data.train", data, "--model.vocabulary", "200"});
  EXPECT_EQ(small.code, 2);
  EXPECT_NE(small.text.find("model.vocabulary = 200 is less than the tokenizer's"),
            std::string::npos)
      << small.text;
  EXPECT_NE(recipe.check({}).text.find("vocabulary the tokenizer's, not known here"),
            std::string::npos);
}

TEST(Check, KeepsItsFlagsToItself) {
  const RecipeFile recipe;
  EXPECT_EQ(run({"train", recipe.path, "--ranks", "2"}).code, 2);
  EXPECT_EQ(run({"train", recipe.path, "--device-memory", "2GB"}).code, 2);
  EXPECT_EQ(recipe.check({"--ranks", "0"}).code, 2);
  EXPECT_EQ(recipe.check({"--device-memory", "much"}).code, 2);
  EXPECT_EQ(recipe.check({"--training.stepz", "3"}).code, 2);
}

TEST(Check, ListsManyRanksInFewWords) {
  EXPECT_EQ(compact_list({5}), "5 (1)");
  EXPECT_EQ(compact_list({0, 1, 2, 3, 4, 5, 6, 7}), "0,1,2,3,4,5,6,7 (8)");
  EXPECT_EQ(compact_list({0, 8, 16, 24, 32, 40, 48, 56, 64}), "0,8,16,...,64 (9)");
}

}  // namespace
}  // namespace tokenwerk
