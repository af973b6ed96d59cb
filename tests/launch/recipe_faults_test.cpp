/// Faults of recipes: each kind, where it is, the nearest legal value, and all at once.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/error.h"
#include "tests/launch/recipe_text.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using test::fault;
using test::read;
using test::small;

TEST(RecipeFaults, RefusesAnUnknownKeyWithTheNearestKnownOne) {
  EXPECT_EQ(fault(std::string(small) + "learning_rat = 1.0\n"),
            "run.toml:14:1: training.learning_rat: unknown key; the nearest known one is "
            "training.learning_rate");
}

TEST(RecipeFaults, SuggestsTheSectionAKeyBelongsTo) {
  EXPECT_EQ(fault(std::string(small) + "layers = 3\n"),
            "run.toml:14:1: training.layers: unknown key; the nearest known one is model.layers");
}

TEST(RecipeFaults, RefusesAnUnknownSection) {
  EXPECT_EQ(fault(std::string(small) + "[chekpoint]\nkeep = 1\n"),
            "run.toml:14:2: chekpoint: unknown section; the nearest known one is [checkpoint]");
}

TEST(RecipeFaults, RefusesAKeyOutsideOfSections) {
  EXPECT_EQ(
      fault("seed = 3\n" + std::string(small)),
      "run.toml:1:1: seed: stands outside of a section; the nearest known key is training.seed");
}

TEST(RecipeFaults, RefusesAnUnknownFlag) {
  EXPECT_EQ(fault(small, {{"training.stepz", "3"}}),
            "--training.stepz: unknown flag; the nearest known one is --training.steps");
}

TEST(RecipeFaults, RefusesValuesOfAnotherType) {
  EXPECT_EQ(fault(std::string(small) + "seed = \"1\"\n"),
            "run.toml:14:1: training.seed: is text, not an integer, 0 or more");
  EXPECT_EQ(fault(std::string(small) + "seed = 1.0\n"),
            "run.toml:14:1: training.seed: is a number with a fraction, not an integer, 0 or more");
  EXPECT_EQ(fault(std::string(small) + "precision = [1]\n"),
            "run.toml:14:1: training.precision: is an array, not f32 or bf16");
  EXPECT_EQ(fault(small, {{"training.seed", "1x"}}),
            "--training.seed: \"1x\" is not an integer, 0 or more");
  EXPECT_EQ(fault(small, {{"model.tied", "yes"}}), "--model.tied: \"yes\" is not true or false");
}

TEST(RecipeFaults, RefusesValuesOutOfRangeWithTheNearestLegalOne) {
  EXPECT_EQ(fault(std::string(small) + "validate_batches = 0\n"),
            "run.toml:14:1: training.validate_batches: 0 is not an integer above 0; the nearest "
            "legal value is 1");
  EXPECT_EQ(fault(std::string(small) + "stop_after = 99999999999\n"),
            "run.toml:14:1: training.stop_after: 99999999999 is too large; the nearest legal value "
            "is 2147483647");
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

TEST(RecipeFaults, WordsThatAreNearlyRightAreNamed) {
  EXPECT_EQ(
      fault(small, {{"checkpoint.resume", "lastest"}}),
      "--checkpoint.resume: \"lastest\" is not never, latest or the path of a checkpoint; the "
      "nearest legal value is latest");
  EXPECT_EQ(fault(small, {{"checkpoint.local", "/scratch/{hst}"}}),
            "--checkpoint.local: \"/scratch/{hst}\": {host} is all that it knows in braces");
}

TEST(RecipeFaults, SaysThatANumberIsTooLargeHoweverLongItIs) {
  const auto said = [](const char* key, const char* text) {
    const std::string message = fault(small, {{key, text}});
    return message.substr(message.find(": ") + 2);
  };
  for (const char* text : {"2147483648", "9223372036854775807", "12345678901234567890"})
    EXPECT_EQ(said("parallel.tensor", text),
              std::string(text) + " is too large; the nearest legal value is 2147483647");
  EXPECT_EQ(said("training.seed", "12345678901234567890"),
            "12345678901234567890 is too large; the nearest legal value is 9223372036854775807");
  EXPECT_EQ(said("parallel.tensor", "-12345678901234567890"),
            "-12345678901234567890 is not an integer above 0; the nearest legal value is 1");
  EXPECT_EQ(said("parallel.tensor", "1x"), "\"1x\" is not an integer above 0");
  EXPECT_EQ(said("parallel.zero", "99999999999999999999"),
            "99999999999999999999 is not 0, 1, 2 or 3; the nearest legal value is 3");
  EXPECT_EQ(said("parallel.zero", "-1"), "-1 is not 0, 1, 2 or 3; the nearest legal value is 0");
}

TEST(RecipeFaults, RefusesABatchThatDoesNotDivide) {
  EXPECT_EQ(fault(small, {}, 3),
            "run.toml:12:1: training.global_batch: 8 is no multiple of training.micro_batch x "
            "parallel.data = 6; the nearest legal values are 6 and 12");
  EXPECT_EQ(fault(small, {{"training.micro_batch", "16"}}),
            "run.toml:12:1: training.global_batch: 8 is no multiple of training.micro_batch x "
            "parallel.data = 16; the nearest legal value is 16");
}

TEST(RecipeFaults, RefusesASizeThatDoesNotFitTheModel) {
  EXPECT_EQ(fault(small, {{"model.heads", "5"}}),
            "--model.heads: model.heads = 5 does not divide model.width = 64: nearest is 4");
  const std::string llama =
      "[model]\npreset = \"llama3-8b\"\nkv_heads = 5\n[data]\ntrain = \"x\"\n[training]\nsteps = "
      "1\n";
  EXPECT_EQ(fault(llama),
            "run.toml:3:1: model.kv_heads = 5 does not divide model.heads = 32: nearest is 4");
}

TEST(RecipeFaults, RefusesAFamilyThatIsNotThePresets) {
  const std::string text =
      "[model]\npreset = \"gpt2-124m\"\nfamily = \"llama\"\n[data]\ntrain = "
      "\"x\"\n[training]\nsteps = 1\n";
  EXPECT_EQ(
      fault(text),
      "run.toml:3:1: model.family: llama is not the family of gpt2-124m; leave one of them out");
}

TEST(RecipeFaults, RefusesStepsThatDoNotFitTheRun) {
  EXPECT_EQ(fault(small, {{"training.warmup_steps", "101"}}),
            "--training.warmup_steps: 101 is above training.steps; the "
            "nearest legal value is 100");
  EXPECT_EQ(fault(small, {{"training.warmup_steps", "60"}, {"training.decay_steps", "50"}}),
            "--training.decay_steps: 50 is above training.steps less "
            "training.warmup_steps; the nearest legal value is 40");
  EXPECT_EQ(fault(small, {{"training.stop_after", "200"}}),
            "--training.stop_after: 200 is above training.steps; the nearest "
            "legal value is 100");
  EXPECT_EQ(fault(small, {{"training.minimum_learning_rate", "1"}}),
            "--training.minimum_learning_rate: 1 is above "
            "training.learning_rate; the nearest legal value is 0.0003");
}

TEST(RecipeFaults, RefusesKeysThatContradictEachOther) {
  EXPECT_EQ(fault(small, {{"model.initial", "a"}, {"checkpoint.resume", "b"}}),
            "--model.initial: starts a fresh run, but checkpoint.resume names a "
            "checkpoint; give one");
  EXPECT_EQ(fault(small, {{"training.validate_every", "5"}}),
            "--training.validate_every: needs data.validation; without it "
            "the only legal value is 0");
}

TEST(RecipeFaults, NamesWhatIsMissing) {
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

TEST(RecipeFaults, AMisspeltKeyIsNotAlsoMissing) {
  const std::string text =
      "[model]\npreset = \"gpt2-124m\"\n[data]\ntrian = \"x\"\n[trainig]\nsteps = 1\n";
  EXPECT_EQ(fault(text),
            "2 faults in the recipe:\n"
            "run.toml:4:1: data.trian: unknown key; the nearest known one is data.train\n"
            "run.toml:5:2: trainig: unknown section; the nearest known one is [training]");
}

TEST(RecipeFaults, ReportsAllFaultsAtOnce) {
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

TEST(RecipeFaults, SaysWhereTheTomlIsBroken) {
  const std::string message = fault("[model]\nwidth = \n", {{"training.steps", "-1"}});
  EXPECT_TRUE(message.find("run.toml:2:9: Error while parsing") != std::string::npos) << message;
  EXPECT_TRUE(message.find("--training.steps: -1 is not") != std::string::npos) << message;
  EXPECT_TRUE(message.find("missing") == std::string::npos) << message;
}

TEST(RecipeFaults, SaysWhyAFileCannotBeRead) {
  const test::TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0666), 0);
  for (const auto& [path, reason] : {std::pair{folder / "none.toml", "No such file or directory"},
                                     std::pair{folder / "pipe", "not a regular file"},
                                     std::pair{std::string("/dev/zero"), "not a regular file"},
                                     std::pair{folder.path().string(), "Is a directory"}}) {
    try {
      (void)read_recipe(path, {}, 1);
      ADD_FAILURE() << path;
    } catch (const ConfigError& error) {
      EXPECT_EQ(error.what(), path + ": cannot be read: " + reason);
    }
  }
}

TEST(RecipeFaults, ValidateFindsTheFaultsOfARecipeMadeByAProgram) {
  Recipe recipe = read(small);
  EXPECT_NO_THROW(validate(recipe, 1));
  recipe.training.micro_batch = 0;
  recipe.training.beta1 = 2;
  EXPECT_THROW(validate(recipe, 1), ConfigError);
}

}  // namespace
}  // namespace tokenwerk
