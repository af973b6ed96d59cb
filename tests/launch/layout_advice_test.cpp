/// All faults of a layout come at once, and whoever follows all advice has a legal one.

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <sstream>

#include "core/philox.h"
#include "tests/launch/recipe_text.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using test::fault;
using test::read;
using test::small;

TEST(LayoutAdvice, ReportsAllFaultsAtOnceEachAsIfTheOthersWereMended) {
  const std::vector<RecipeFlag> flags{
      {"parallel.tensor", "3"},        {"parallel.pipeline", "5"},
      {"parallel.data", "9"},          {"parallel.stages", "1,x"},
      {"parallel.zero", "5"},          {"parallel.schedule", "zbh1"},
      {"training.micro_batch", "3"},   {"parallel.sequence", "true"},
      {"data.sequence_length", "31"},  {"parallel.zero_group", "0"},
      {"parallel.virtual_stages", "2"}};
  EXPECT_EQ(fault(small, flags, 8),
            "10 faults in the recipe:\n"
            "--parallel.zero: 5 is not 0, 1, 2 or 3; the nearest legal value is 3\n"
            "--parallel.zero_group: 0 is not an integer above 0; the nearest "
            "legal value is 1\n"
            "--parallel.tensor: 3 does not divide 8 ranks, model.heads = 4, "
            "model.ffn_width = 256; the nearest legal value is 2\n"
            "--parallel.pipeline: 5 does not divide the 4 ranks that "
            "parallel.tensor = 2 leaves; the nearest legal value is 2\n"
            "--parallel.data: 9 x tensor 2 x pipeline 2 is not the number of ranks, "
            "8; the nearest legal value is 2\n"
            "--data.sequence_length: 31 is no multiple of parallel.tensor = "
            "2, which parallel.sequence needs; the nearest legal value is 32\n"
            "run.toml:12:1: training.global_batch: 8 is no multiple of training.micro_batch x "
            "parallel.data = 6; the nearest legal values are 6 and 12\n"
            "--parallel.virtual_stages: 2 is not what zb-h1 has: 1 stage "
            "on each rank; the nearest legal value is 1\n"
            "--parallel.schedule: \"zbh1\" is not gpipe, 1f1b, interleaved, "
            "zb-h1, zb-v or file:PATH; the nearest legal value is zb-h1\n"
            "--parallel.stages: \"1,x\" is no list of numbers above 0, as "
            "3,4,4,3; a legal value is 1,1");
}

TEST(LayoutAdvice, SpeaksOfNoLayersWhereTheModelHasFaults) {
  EXPECT_EQ(fault(small, {{"model.heads", "5"},
                          {"parallel.schedule", "interleaved"},
                          {"parallel.virtual_stages", "9999"},
                          {"parallel.stages", "7"}}),
            "3 faults in the recipe:\n"
            "--model.heads: model.heads = 5 does not divide model.width = 64: nearest is 4\n"
            "--parallel.virtual_stages: 9999 is not what interleaved has: "
            "2 to 4096 stages on each rank; the nearest legal value is 4096\n"
            "--parallel.stages: names 1 stage, the schedule has 4096");
}

/// Draws recipes in which most keys of [parallel] are likely to be wrong.
class RandomRecipe {
 public:
  explicit RandomRecipe(std::uint32_t seed) : seed_(seed) {
    ranks_ = below(12) + 1;
    add("model.width", 48);
    add("model.layers", below(9) + 1);
    const int kv_heads = choose({1, 2, 3, 4});
    add("model.kv_heads", kv_heads);
    add("model.heads", kv_heads * choose({1, 2, 4}));
    add("training.global_batch", below(48) + 1);
    add("training.micro_batch", below(3) + 1);
    add("parallel.tensor", below(9) + 1);
    add("parallel.pipeline", below(6) + 1);
    add("parallel.zero", below(5));
    const std::vector<std::string> names{"gpipe", "1f1b", "interleaved", "zb-h1",
                                         "zb-v",  "zbv",  "gpip"};
    flags_.push_back({"parallel.schedule", names[static_cast<std::size_t>(below(7))]});
    if (below(2) == 0) add("parallel.virtual_stages", below(5) + 1);
    if (below(3) == 0) add("parallel.data", below(8) + 1);
    if (below(2) == 0) add("parallel.zero_group", below(8) + 1);
    flags_.push_back({"parallel.zero_keep", below(3) == 0 ? "true" : "false"});
    flags_.push_back({"parallel.sequence", below(2) == 0 ? "true" : "false"});
    add("data.sequence_length", below(40) + 1);
    if (below(2) == 0)
      flags_.push_back({"parallel.stages", fmt::format("{},{}", below(6), below(6))});
  }

  [[nodiscard]] const std::vector<RecipeFlag>& flags() const { return flags_; }
  [[nodiscard]] Index ranks() const { return ranks_; }

 private:
  int below(int end) {
    return static_cast<int>(random_word(17, seed_, draw_++) % static_cast<std::uint32_t>(end));
  }
  int choose(const std::vector<int>& values) {
    return values[static_cast<std::size_t>(below(static_cast<int>(values.size())))];
  }
  void add(const std::string& key, int value) { flags_.push_back({key, std::to_string(value)}); }

  std::uint32_t seed_;
  std::uint64_t draw_ = 0;
  Index ranks_ = 1;
  std::vector<RecipeFlag> flags_;
};

/// The flags with every key that the message blames set to the value it names.
std::vector<RecipeFlag> advised(std::vector<RecipeFlag> flags, const std::string& message) {
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);) {
    for (RecipeFlag& flag : flags) {
      if (!line.starts_with("--" + flag.key + ": ")) continue;
      for (const std::string start : {"legal value is ", "legal values are "}) {
        const std::size_t found = line.find(start);
        if (found == std::string::npos) continue;
        const std::size_t first = found + start.size();
        flag.value = line.substr(first, line.find(' ', first) - first);
      }
    }
  }
  return flags;
}

TEST(LayoutAdvice, WhoeverFollowsAllOfItHasALegalLayout) {
  int refused = 0;
  for (std::uint32_t seed = 0; seed < 5000; ++seed) {
    const RandomRecipe recipe(seed);
    try {
      (void)read(small, recipe.flags(), recipe.ranks());
    } catch (const ConfigError& error) {
      ++refused;
      EXPECT_NO_THROW((void)read(small, advised(recipe.flags(), error.what()), recipe.ranks()))
          << recipe.ranks() << " ranks\n"
          << error.what();
    }
    if (HasFailure()) return;  // one recipe tells
  }
  EXPECT_GT(refused, 4000);
}

/// A schedule for 2 ranks, 2 stages and 2 micro-batches, in a file.
class LayoutOfAFile : public testing::Test {
 protected:
  LayoutOfAFile() {
    write("good.txt", "rank 0: 0F0 0F1 0B0 0B1\nrank 1: 1F0 1F1 1B0 1B1\n");
    write("circle.txt", "rank 0: 0F0 0B0 0F1 0B1\nrank 1: 1F1 1F0 1B0 1B1\n");
    write("long.txt", "rank 0: 0F0 0F1 2F0 2B0 2F1 2B1 0B0 0B1\nrank 1: 1F0 1F1 1B0 1B1\n");
    write("other.txt", "[model]\n");
  }
  void write(const std::string& name, const std::string& text) const {
    test::write_file(folder_.path() / name, text);
  }
  /// What follows "--parallel.schedule: FOLDER/" of the only fault.
  [[nodiscard]] std::string fault_with(const std::string& name, std::vector<RecipeFlag> flags = {},
                                       Index ranks = 2) const {
    flags.push_back({"parallel.schedule", "file:" + (folder_ / name)});
    flags.push_back({"training.global_batch", "4"});
    if (ranks > 1) flags.push_back({"parallel.pipeline", "2"});
    const std::string message = fault(small, flags, ranks);
    const std::string start = "--parallel.schedule: " + (folder_ / "");
    return message.starts_with(start) ? message.substr(start.size()) : message;
  }

  test::TemporaryFolder folder_;
};

TEST_F(LayoutOfAFile, IsLegalWhereItFits) {
  const Recipe recipe = read(small,
                             {{"parallel.schedule", "file:" + (folder_ / "good.txt")},
                              {"training.global_batch", "4"},
                              {"parallel.pipeline", "2"}},
                             2);
  EXPECT_FALSE(resolved(recipe, 2).parallel.virtual_stages) << "the file says it";
}

TEST_F(LayoutOfAFile, IsRefusedWhereItCannotBeRead) {
  EXPECT_EQ(fault_with("none.txt"), "none.txt: cannot open: No such file or directory");
  EXPECT_EQ(fault_with("other.txt"),
            "other.txt, line 1, column 1: '[model]' does not begin a rank: a line reads 'rank 0: "
            "0F0 ...'");
  EXPECT_EQ(fault(small, {{"parallel.schedule", "file:"}}),
            "--parallel.schedule: names no file: it reads file:PATH");
}

TEST_F(LayoutOfAFile, IsRefusedWithEachFaultByItself) {
  write("two.txt", "rank 0: 0X0\nrank 1: 1F0 1Y0\n");
  const std::string message =
      fault(small, {{"parallel.schedule", "file:" + (folder_ / "two.txt")}});
  const std::string start = "\n--parallel.schedule: " + (folder_ / "two.txt");
  EXPECT_TRUE(message.starts_with("2 faults in the recipe:" + start + ", line 1, ")) << message;
  EXPECT_NE(message.find(start + ", line 2, "), std::string::npos) << message;
}

TEST_F(LayoutOfAFile, IsRefusedWhereItIsForAnotherRun) {
  EXPECT_EQ(fault_with("good.txt", {}, 1), "good.txt: is for 2 ranks, parallel.pipeline is 1");
  EXPECT_EQ(fault_with("good.txt", {{"training.micro_batch", "1"}}),
            "good.txt: has 2 micro-batches, a step of this recipe has 4 (training.global_batch / "
            "(training.micro_batch x parallel.data))");
  EXPECT_EQ(fault_with("long.txt"),
            "long.txt: 3 stages are more than model.layers = 2: each needs a block");
  EXPECT_EQ(fault_with("good.txt", {{"parallel.virtual_stages", "1"}}),
            "--parallel.virtual_stages: does not go with file:PATH, which "
            "says what stages a rank has; leave it out");
  EXPECT_EQ(fault_with("good.txt", {{"parallel.stages", "2"}}),
            "--parallel.stages: names 1 stage, the schedule has 2; the nearest "
            "legal value is 1,1");
}

TEST_F(LayoutOfAFile, IsRefusedWhereItIsNotSound) {
  EXPECT_EQ(fault_with("circle.txt"),
            "circle.txt: deadlock: rank 0, action 2 (0B0) waits for rank 1, action 3 (1B0); rank "
            "1, action 1 (1F1) waits for rank 0, action 3 (0F1)");
}

}  // namespace
}  // namespace tokenwerk
