/// Recipes: reading, flags, defaults, writing.

#include "launch/recipe.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "launch/recipe_keys.h"
#include "tests/launch/recipe_text.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using test::read;
using test::small;

TEST(Recipe, GivesEveryKeyOfTheFile) {
  const Recipe recipe = read(small);
  EXPECT_EQ(recipe.model.family, "gpt");
  EXPECT_EQ(recipe.model.width, 64);
  EXPECT_EQ(recipe.model.kv_heads, std::nullopt);
  EXPECT_EQ(recipe.data.train, "data/bible");
  EXPECT_EQ(recipe.training.steps, 100);
  EXPECT_EQ(recipe.training.micro_batch, 2);
  EXPECT_EQ(recipe.training.beta2, 0.95);
}

TEST(Recipe, FlagsBeatTheFile) {
  const Recipe recipe = read(small, {{"training.steps", "7"},
                                     {"training.learning_rate", "1e-3"},
                                     {"model.tied", "false"},
                                     {"checkpoint.resume", "latest"}});
  EXPECT_EQ(recipe.training.steps, 7);
  EXPECT_EQ(recipe.training.learning_rate, 1e-3);
  EXPECT_EQ(recipe.model.tied, false);
  EXPECT_EQ(recipe.checkpoint.resume, "latest");
}

TEST(Recipe, AnIntegerMayStandForARealNumber) {
  EXPECT_EQ(read(std::string(small) + "clip = 2\n").training.clip, 2.0);
}

TEST(Recipe, ASaveIntervalIsAnIntegerOrAuto) {
  EXPECT_EQ(read(small).checkpoint.every.steps, 1000);
  const std::string with_section = std::string(small) + "[checkpoint]\n";
  EXPECT_EQ(read(with_section + "every = 20\n").checkpoint.every.steps, 20);
  EXPECT_EQ(read(small, {{"checkpoint.every", "0"}}).checkpoint.every.steps, 0);
  EXPECT_EQ(read(with_section + "every = \"auto\"\n").checkpoint.every.steps, std::nullopt);
  const Recipe recipe = resolved(read(small, {{"checkpoint.every", "auto"}}), 4);
  EXPECT_EQ(recipe.checkpoint.every.steps, std::nullopt);
  EXPECT_EQ(recipe.checkpoint.mtbf_hours, 12500.0);
  EXPECT_EQ(read(to_toml(recipe), {}, 4), recipe);
  EXPECT_EQ(test::fault(with_section + "every = \"weekly\"\n"),
            "run.toml:15:1: checkpoint.every: is text, not an integer, 0 or more, or auto");
  EXPECT_EQ(test::fault(small, {{"checkpoint.every", "-2"}}),
            "--checkpoint.every: -2 is not an integer, 0 or more, or auto; the "
            "nearest legal value is 0");
}

TEST(Recipe, ReadsAFile) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "run.toml", small);
  EXPECT_EQ(read_recipe(folder / "run.toml", {}, 2), read(small));
}

TEST(Recipe, ResolvesDefaultsThatDependOnOtherKeys) {
  Recipe recipe = resolved(read(std::string(small) + "learning_rate = 0.5\n"), 4);
  EXPECT_EQ(recipe.training.minimum_learning_rate, 0.05);
  EXPECT_EQ(recipe.training.warmup_steps, 1);
  EXPECT_EQ(recipe.training.decay_steps, 99);
  EXPECT_EQ(recipe.training.validate_every, 0);
  EXPECT_EQ(recipe.training.stop_after, std::nullopt);
  EXPECT_EQ(recipe.parallel.data, 4);
  EXPECT_EQ(recipe.checkpoint.directory, "run/checkpoints");
  recipe = resolved(read(small, {{"training.schedule", "wsd"}, {"data.validation", "v"}}), 1);
  EXPECT_EQ(recipe.training.decay_steps, 10);
  EXPECT_EQ(recipe.training.validate_every, 250);
  recipe = resolved(read(small, {{"training.decay_steps", "100"}}), 1);
  EXPECT_EQ(recipe.training.warmup_steps, 0);
}

TEST(Recipe, ResolvedRecipesAreValid) {
  for (const char* schedule : {"constant", "linear", "cosine", "wsd"})
    for (const char* steps : {"1", "9", "250"})
      EXPECT_NO_THROW(validate(
          resolved(read(small, {{"training.schedule", schedule}, {"training.steps", steps}}), 2),
          2));
}

TEST(Recipe, WritesWhatReadsBackAsAnEqualRecipe) {
  Recipe recipe = read(small);
  EXPECT_EQ(read(to_toml(recipe)), recipe);
  recipe = resolved(recipe, 1);
  recipe.training.learning_rate = 0.1 + 0.2;
  recipe.training.epsilon = 4.9e-324;
  recipe.training.clip = 1e300;
  recipe.training.seed = std::numeric_limits<Index>::max();
  recipe.model.tied = false;
  recipe.model.rope_theta = 500000;
  recipe.data.train = "odd \"name\"\\with\ttab\nand \x01 control, \xc3\xa4";
  EXPECT_EQ(read(to_toml(recipe)), recipe) << to_toml(recipe);
}

TEST(Recipe, EveryKeyIsWrittenAndReadBack) {
  Recipe recipe;
  for (const RecipeKey& key : recipe_keys()) {
    std::visit(
        [&]<typename T>(Access<T> access) {
          using Value = typename ValueOf<T>::type;
          if constexpr (std::is_same_v<Value, std::string>)
            access(recipe) = key.legal == Legal::choice ? std::string(key.choices.back()) : "a/b";
          else if constexpr (std::is_same_v<Value, double>)
            access(recipe) = 0.375;
          else
            access(recipe) = Value(1);
        },
        key.member);
  }
  // Where ones do not fit each other:
  recipe.model.width = 2;
  recipe.training.decay_steps = 0;
  recipe.training.spike_window = 2;
  recipe.training.skip_batches = "3,5-7";
  recipe.checkpoint.resume = "latest";
  recipe.parallel.schedule = "gpipe";
  recipe.parallel.stages = "1";
  recipe.parallel.zero = 3;
  recipe.training.reproducible = false;
  recipe.device.kind = "cpu";  // verify_replay wants it
  const std::string text = to_toml(recipe);
  EXPECT_EQ(read(text), recipe) << text;
  for (const RecipeKey& key : recipe_keys())
    EXPECT_NE(text.find(fmt::format("\n{} = ", key.name)), std::string::npos) << key.path();
}

TEST(Recipe, MutatedTextIsReadOrRefusedButNeverCrashes) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same cases every time
  const std::string base = to_toml(resolved(read(small, {{"data.validation", "v"}}), 1));
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  const std::string letters = "[]{}=\"'.#,\n\\-+_09aeinfx\t\r \0\x7f\xff\xc3";
  int legal = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string text = base;
    for (std::size_t n = 1 + below(4); n > 0 && !text.empty(); --n) {
      const std::size_t at = below(text.size()), length = std::min(text.size() - at, below(12));
      switch (below(5)) {
        case 0: text[at] = letters[below(letters.size())]; break;
        case 1: text.erase(at, length); break;
        case 2: text.insert(at, text.substr(below(text.size()), length)); break;
        case 3: text.insert(at, 1, letters[below(letters.size())]); break;
        default: text[at] = static_cast<char>(below(256)); break;
      }
    }
    try {
      const Recipe recipe = read(text);
      EXPECT_EQ(read(to_toml(recipe)), recipe) << text;
      ++legal;
    } catch (const ConfigError& error) {
      EXPECT_FALSE(std::string(error.what()).empty());
    }
  }
  EXPECT_GT(legal, 0);
  EXPECT_LT(legal, 5000);
}

}  // namespace
}  // namespace tokenwerk
