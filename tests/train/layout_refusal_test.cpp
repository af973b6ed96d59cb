/// Layouts that cannot be, through the real command line: refused before anything starts.

#include <gtest/gtest.h>

#include "tests/support/training.h"

namespace tokenwerk {
namespace {

struct Refusal {
  int ranks;
  std::vector<std::string> flags;
  std::string text;
};

const std::vector<Refusal> refusals{
    {2, {"--parallel.tensor", "3"}, "the nearest legal value is 2"},
    {4, {"--parallel.pipeline", "4"}, "4 stages are more than model.layers = 2"},
    {2, {"--parallel.schedule", "file:none.txt"}, "none.txt: cannot open"},
    {2, {"--parallel.stages", "1,1"}, "names 2 stages, the schedule has 1"},
    {4, {"--parallel.zero_group", "2"}, "needs parallel.zero of 1 to 3"},
    {2, {"--training.global_batch", "7"}, "the nearest legal values are 6 and 8"},
    {3,
     {"--parallel.tensor", "2", "--parallel.zero", "4", "--parallel.schedule", "1f2b",
      "--data.sequence_length", "31"},
     "4 faults in the recipe"},
};

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

TEST(LayoutRefusal, EndsWithCodeTwoAndLeavesNothingBehind) {
  const TrainingFolder folder(gpt_model);
  for (const Refusal& refusal : refusals) {
    const CommandResult result = folder.train(refusal.ranks, "run", refusal.flags, 2);
    EXPECT_EQ(count_of(result.output, refusal.text), 1u) << result.output;
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "run")) << refusal.text;
  }
}

TEST(LayoutRefusal, WantsTheSameFlagsOnEveryRank) {
  const TrainingFolder folder(gpt_model);
  // Ranks 0 to 2, then 3 with a seed of its own.
  std::vector<std::string> command = folder.command(3, "run");
  const std::vector<std::string> other = folder.command(1, "run", {"--training.seed", "2"});
  command.insert(command.end(), {":", "-n", "1"});
  command.insert(command.end(), other.begin(), other.end());
  const CommandResult result = run_command(command, folder.path(), training_environment());
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(count_of(result.output, "rank 3: recipe.toml: this rank was started with other flags"),
            1u)
      << result.output;
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "run"));
}

TEST(LayoutRefusal, TakesNoMemoryForAModelItRefuses) {
  const TrainingFolder folder(gpt_model);
  const CommandResult small = folder.train(2, "small", {"--training.stop_after", "1"});
  const CommandResult large =
      folder.train(2, "run",
                   {"--model.width", "65536", "--model.layers", "1000", "--training.global_batch",
                    "1000000", "--parallel.pipeline", "2", "--parallel.zero", "7"},
                   2);
  EXPECT_LT(large.peak_rss, 2 * small.peak_rss);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "run"));
}

}  // namespace
}  // namespace tokenwerk
