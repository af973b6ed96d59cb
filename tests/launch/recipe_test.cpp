/// Recipes: reading, faults, flags, writing.

#include "launch/recipe.h"

#include <gtest/gtest.h>

#include <random>

#include "core/error.h"
#include "launch/recipe_keys.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

constexpr const char* small = R"([model]
family = "gpt"
layers = 2
width = 64
heads = 4

[data]
train = "data/bible"

[training]
steps = 100
global_batch = 8
micro_batch = 2
)";

Recipe read(const std::string& text, const std::vector<RecipeFlag>& flags = {}, Index ranks = 1) {
  return read_recipe_text(text, "run.toml", flags, ranks);
}

/// The message of the ConfigError; fails if there is none.
std::string fault(const std::string& text, const std::vector<RecipeFlag>& flags = {},
                  Index ranks = 1) {
  try {
    (void)read(text, flags, ranks);
  } catch (const ConfigError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no fault found";
  return {};
}

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

TEST(Recipe, RefusesAnUnknownKeyWithTheNearestKnownOne) {
  EXPECT_EQ(fault(std::string(small) + "learning_rat = 1.0\n"),
            "run.toml:14:1: training.learning_rat: unknown key; the nearest known one is "
            "training.learning_rate");
}

TEST(Recipe, SuggestsTheSectionAKeyBelongsTo) {
  EXPECT_EQ(fault(std::string(small) + "layers = 3\n"),
            "run.toml:14:1: training.layers: unknown key; the nearest known one is model.layers");
}

TEST(Recipe, RefusesAnUnknownSection) {
  EXPECT_EQ(fault(std::string(small) + "[chekpoint]\nkeep = 1\n"),
            "run.toml:14:2: chekpoint: unknown section; the nearest known one is [checkpoint]");
}

TEST(Recipe, RefusesAKeyOutsideOfSections) {
  EXPECT_EQ(
      fault("seed = 3\n" + std::string(small)),
      "run.toml:1:1: seed: stands outside of a section; the nearest known key is training.seed");
}

TEST(Recipe, RefusesAnUnknownFlag) {
  EXPECT_EQ(fault(small, {{"training.stepz", "3"}}),
            "--training.stepz: unknown flag; the nearest known one is --training.steps");
}

TEST(Recipe, RefusesValuesOfAnotherType) {
  EXPECT_EQ(fault(std::string(small) + "seed = \"1\"\n"),
            "run.toml:14:1: training.seed: is text, not an integer, 0 or more");
  EXPECT_EQ(fault(std::string(small) + "seed = 1.0\n"),
            "run.toml:14:1: training.seed: is a number with a fraction, not an integer, 0 or more");
  EXPECT_EQ(fault(std::string(small) + "precision = [1]\n"),
            "run.toml:14:1: training.precision: is an array, not f32 or bf16");
  EXPECT_EQ(fault(small, {{"training.seed", "1x"}}),
            "--training.seed: training.seed: \"1x\" is not an integer, 0 or more");
  EXPECT_EQ(fault(small, {{"model.tied", "yes"}}),
            "--model.tied: model.tied: \"yes\" is not true or false");
}

TEST(Recipe, RefusesValuesOutOfRangeWithTheNearestLegalOne) {
  EXPECT_EQ(fault(std::string(small) + "validate_batches = 0\n"),
            "run.toml:14:1: training.validate_batches: 0 is not an integer above 0; the nearest "
            "legal value is 1");
  EXPECT_EQ(
      fault(std::string(small) + "stop_after = 99999999999\n"),
      "run.toml:14:1: training.stop_after: 99999999999 is not an integer above 0; the nearest "
      "legal value is 2147483647");
  EXPECT_EQ(fault(std::string(small) + "beta1 = 1.0\n"),
            "run.toml:14:1: training.beta1: 1 is not a number from 0 to below 1");
  EXPECT_EQ(
      fault(std::string(small) + "clip = -0.5\n"),
      "run.toml:14:1: training.clip: -0.5 is not a number, 0 or more; the nearest legal value "
      "is 0");
  EXPECT_EQ(fault(std::string(small) + "learning_rate = inf\n"),
            "run.toml:14:1: training.learning_rate: inf is not a number above 0");
  EXPECT_EQ(fault(std::string(small) + "epsilon = nan\n"),
            "run.toml:14:1: training.epsilon: nan is not a number above 0");
  EXPECT_EQ(
      fault(std::string(small) + "precision = \"fp16\"\n"),
      "run.toml:14:1: training.precision: \"fp16\" is not f32 or bf16; the nearest legal value "
      "is bf16");
  EXPECT_EQ(fault(std::string(small) + "[log]\ndirectory = \"\"\n"),
            "run.toml:15:1: log.directory: is empty");
}

TEST(Recipe, RefusesABatchThatDoesNotDivide) {
  EXPECT_EQ(fault(small, {}, 3),
            "run.toml:12:1: training.global_batch: 8 is no multiple of training.micro_batch x "
            "parallel.data = 6; the nearest legal values are 6 and 12");
  EXPECT_EQ(fault(small, {{"training.micro_batch", "16"}}),
            "run.toml:12:1: training.global_batch: 8 is no multiple of training.micro_batch x "
            "parallel.data = 16; the nearest legal value is 16");
}

TEST(Recipe, RefusesADataAxisThatLeavesRanksOver) {
  EXPECT_EQ(
      fault(small, {{"parallel.data", "2"}}, 4),
      "--parallel.data: parallel.data: 2 does not use all 4 ranks; the nearest legal value is 4");
}

TEST(Recipe, RefusesASizeThatDoesNotFitTheModel) {
  EXPECT_EQ(fault(small, {{"model.heads", "5"}}),
            "--model.heads: model.heads = 5 does not divide model.width = 64: nearest is 4");
  const std::string llama =
      "[model]\npreset = \"llama3-8b\"\nkv_heads = 5\n[data]\ntrain = \"x\"\n[training]\nsteps = "
      "1\n";
  EXPECT_EQ(fault(llama),
            "run.toml:3:1: model.kv_heads = 5 does not divide model.heads = 32: nearest is 4");
}

TEST(Recipe, RefusesAFamilyThatIsNotThePresets) {
  const std::string text =
      "[model]\npreset = \"gpt2-124m\"\nfamily = \"llama\"\n[data]\ntrain = "
      "\"x\"\n[training]\nsteps = 1\n";
  EXPECT_EQ(
      fault(text),
      "run.toml:3:1: model.family: llama is not the family of gpt2-124m; leave one of them out");
}

TEST(Recipe, RefusesStepsThatDoNotFitTheRun) {
  EXPECT_EQ(fault(small, {{"training.warmup_steps", "101"}}),
            "--training.warmup_steps: training.warmup_steps: 101 is above training.steps; the "
            "nearest legal value is 100");
  EXPECT_EQ(fault(small, {{"training.warmup_steps", "60"}, {"training.decay_steps", "50"}}),
            "--training.decay_steps: training.decay_steps: 50 is above training.steps less "
            "training.warmup_steps; the nearest legal value is 40");
  EXPECT_EQ(fault(small, {{"training.stop_after", "200"}}),
            "--training.stop_after: training.stop_after: 200 is above training.steps; the nearest "
            "legal value is 100");
  EXPECT_EQ(fault(small, {{"training.minimum_learning_rate", "1"}}),
            "--training.minimum_learning_rate: training.minimum_learning_rate: 1 is above "
            "training.learning_rate; the nearest legal value is 0.0003");
}

TEST(Recipe, RefusesKeysThatContradictEachOther) {
  EXPECT_EQ(fault(small, {{"model.initial", "a"}, {"checkpoint.resume", "b"}}),
            "--model.initial: model.initial: starts a fresh run, but checkpoint.resume names a "
            "checkpoint; give one");
  EXPECT_EQ(fault(small, {{"training.validate_every", "5"}}),
            "--training.validate_every: training.validate_every: needs data.validation; without it "
            "the only legal value is 0");
}

TEST(Recipe, NamesWhatIsMissing) {
  EXPECT_EQ(
      fault(""),
      "6 faults in the recipe:\n"
      "run.toml: data.train: is missing: path prefix of the training tokens, PREFIX.bin and "
      "PREFIX.idx\n"
      "run.toml: training.steps: is missing: optimizer steps of the whole run\n"
      "run.toml: model.family: is missing: give gpt or llama, or model.preset\n"
      "run.toml: model.layers: is missing: give the number of transformer blocks, or "
      "model.preset\n"
      "run.toml: model.width: is missing: give the size of a token's vector, or model.preset\n"
      "run.toml: model.heads: is missing: give the number of attention heads, or model.preset");
}

TEST(Recipe, AMisspeltKeyIsNotAlsoMissing) {
  const std::string text =
      "[model]\npreset = \"gpt2-124m\"\n[data]\ntrian = \"x\"\n[trainig]\nsteps = 1\n";
  EXPECT_EQ(fault(text),
            "2 faults in the recipe:\n"
            "run.toml:4:1: data.trian: unknown key; the nearest known one is data.train\n"
            "run.toml:5:2: trainig: unknown section; the nearest known one is [training]");
}

TEST(Recipe, ReportsAllFaultsAtOnce) {
  const std::string text = std::string(small) + "seed = true\nclip = -1\n[log]\nevry = 2\n";
  EXPECT_EQ(
      fault(text, {{"model.tide", "true"}, {"model.heads", "7"}}, 3),
      "6 faults in the recipe:\n"
      "run.toml:17:1: log.evry: unknown key; the nearest known one is log.every\n"
      "run.toml:14:1: training.seed: is true or false, not an integer, 0 or more\n"
      "--model.tide: unknown flag; the nearest known one is --model.tied\n"
      "run.toml:15:1: training.clip: -1 is not a number, 0 or more; the nearest legal value is 0\n"
      "--model.heads: model.heads = 7 does not divide model.width = 64: nearest is 8\n"
      "run.toml:12:1: training.global_batch: 8 is no multiple of training.micro_batch x "
      "parallel.data = 6; the nearest legal values are 6 and 12");
}

TEST(Recipe, SaysWhereTheTomlIsBroken) {
  const std::string message = fault("[model]\nwidth = \n", {{"training.steps", "-1"}});
  EXPECT_TRUE(message.find("run.toml:2:9: Error while parsing") != std::string::npos) << message;
  EXPECT_TRUE(message.find("--training.steps: training.steps: -1 is not") != std::string::npos)
      << message;
  EXPECT_TRUE(message.find("missing") == std::string::npos) << message;
}

TEST(Recipe, SaysWhyAFileCannotBeRead) {
  const test::TemporaryFolder folder;
  for (const auto& [path, reason] : {std::pair{folder / "none.toml", "No such file or directory"},
                                     std::pair{folder.path().string(), "Is a directory"}}) {
    try {
      (void)read_recipe(path, {}, 1);
      ADD_FAILURE() << path;
    } catch (const ConfigError& error) {
      EXPECT_EQ(error.what(), path + ": cannot be read: " + reason);
    }
  }
}

TEST(Recipe, ReadsAFile) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "run.toml", small);
  EXPECT_EQ(read_recipe(folder / "run.toml", {}, 2), read(small));
}

TEST(Recipe, ValidateFindsTheFaultsOfARecipeMadeByAProgram) {
  Recipe recipe = read(small);
  EXPECT_NO_THROW(validate(recipe, 1));
  recipe.training.micro_batch = 0;
  recipe.training.beta1 = 2;
  EXPECT_THROW(validate(recipe, 1), ConfigError);
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
  recipe.checkpoint.resume = "latest";
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
