/// `tokenwerk checkpoint inspect`, `verify` and `diff`: what they print and how they end.

#include "launch/checkpoint_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/comm/self_communicator.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Outcome {
  int code = 0;
  std::string out;
};

/// The command alone; what it throws passes through.
Outcome run(const std::string& action, const std::string& path) {
  int code = 0;
  CLI::App app;
  add_checkpoint_command(app, code);
  testing::internal::CaptureStdout();
  std::string out;
  try {
    app.parse("checkpoint " + action + " " + path);
  } catch (...) {
    (void)testing::internal::GetCapturedStdout();
    throw;
  }
  std::fflush(stdout);
  return {code, testing::internal::GetCapturedStdout()};
}

void save(const std::filesystem::path& directory, Index step) {
  const auto device = make_device(DeviceKind::cpu);
  SelfCommunicator self(Axis::world, *device);
  const std::vector<float> numbers(12, 1.5f);
  const Shape shape{3, 4};
  const auto part = [&](const char* name) {
    return ArrayPart{
        name, shape, Box::whole(shape), {numbers.data(), shape, 4, DType::f32, nullptr}};
  };
  save_checkpoint(self, directory, step, std::vector{part("model/w"), part("optimizer/m/w")},
                  R"({"seed": 7, "recipe": "steps = 3"})");
}

/// A matrix to be saved, in one box or in two that stand side by side.
struct Matrix {
  std::string name;
  std::vector<float> numbers;
  Shape shape{3, 4};
  Index first_columns = 0;  ///< 0: one box
};

void save(const std::filesystem::path& directory, const std::vector<Matrix>& matrices,
          std::string_view state = "{}", Index step = 1) {
  const auto device = make_device(DeviceKind::cpu);
  SelfCommunicator self(Axis::world, *device);
  std::vector<ArrayPart> parts;
  for (const Matrix& matrix : matrices) {
    const Index rows = matrix.shape[0], columns = matrix.shape[1];
    const auto add = [&](Index first, Index count) {
      const Shape extent{rows, count};
      if (count > 0)
        parts.push_back({matrix.name,
                         matrix.shape,
                         {Shape{0, first}, extent},
                         {matrix.numbers.data() + first, extent, columns, DType::f32, nullptr}});
    };
    add(0, matrix.first_columns);
    add(matrix.first_columns, columns - matrix.first_columns);
  }
  save_checkpoint(self, directory, step, parts, state);
}

std::vector<float> counted(Index count) {
  std::vector<float> numbers;
  for (Index i = 0; i < count; ++i) numbers.push_back(static_cast<float>(i));
  return numbers;
}

Outcome diff(const test::TemporaryFolder& folder, const std::string& flags = "") {
  return run("diff " + flags, (folder / "a") + " " + (folder / "b"));
}

TEST(CheckpointCommand, InspectShowsTheNewestCheckpoint) {
  const test::TemporaryFolder folder;
  save(folder.path(), 10);
  save(folder.path(), 20);
  const Outcome outcome = run("inspect", folder.path());
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("step-00000020\nstep 20, 12 parameters, 2 arrays, "),
                    HasSubstr("seed         7"), HasSubstr("model/w"), HasSubstr("(3, 4)"),
                    HasSubstr("rank-00000.h5"), HasSubstr("model.h5")));
}

TEST(CheckpointCommand, VerifyNamesTheDamagedFileAndEndsWithThree) {
  const test::TemporaryFolder folder;
  save(folder.path(), 10);
  save(folder.path(), 20);
  EXPECT_EQ(run("verify", folder.path()).code, 0);
  const std::string file = folder / "step-00000010/rank-00000.h5";
  std::string bytes = test::read_file(file);
  bytes[100] ^= 1;
  test::write_file(file, bytes);
  const Outcome all = run("verify", folder.path());
  EXPECT_EQ(all.code, 3);
  EXPECT_THAT(all.out, AllOf(HasSubstr(file + ": is damaged"), HasSubstr("step-00000010: DAMAGED"),
                             HasSubstr("step-00000020: good")));
  const Outcome one = run("verify", folder / "step-00000020");
  EXPECT_EQ(one.code, 0);
  EXPECT_THAT(one.out, Not(HasSubstr("step-00000010")));
}

TEST(CheckpointCommand, WithoutACheckpointItSaysSo) {
  const test::TemporaryFolder folder;
  EXPECT_THROW((void)run("inspect", folder.path()), CheckpointError);
  EXPECT_THROW((void)run("verify", folder.path()), CheckpointError);
}

TEST(CheckpointDiff, EqualArraysAreEqualHoweverTheyAreCut) {
  const test::TemporaryFolder folder;
  save(folder / "a", {{"model/v", counted(12)}, {"model/w", counted(12), {3, 4}, 1}});
  save(folder / "b", {{"model/w", counted(12), {3, 4}, 3}, {"model/v", counted(12)}});
  const Outcome outcome = diff(folder);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "A: " + (folder / "a/step-00000001") +
                             "\nB: " + (folder / "b/step-00000001") +
                             "\nequal: 2 arrays, 24 elements, bit for bit\n");
}

TEST(CheckpointDiff, SaysHowManyElementsDifferAndHowFar) {
  const test::TemporaryFolder folder;
  std::vector<float> changed = counted(12);
  changed[3] = 3.5f;
  changed[11] = 12.0f;
  save(folder / "a", {{"model/v", counted(12)}, {"model/w", counted(12), {3, 4}, 2}});
  save(folder / "b", {{"model/v", counted(12)}, {"model/w", changed, {3, 4}, 3}});
  const Outcome outcome = diff(folder);
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("different: 1 of 2 arrays\n"),
                    HasSubstr("  values   model/w: 2 of 12 elements, by 1 at most, relative 0.143"),
                    Not(HasSubstr("model/v"))));
}

TEST(CheckpointDiff, BitsCountNotValues) {
  const test::TemporaryFolder folder;
  std::vector<float> numbers(12, 0.0f), signs(12, 0.0f), broken(12, 0.0f);
  signs[5] = -0.0f;
  broken[0] = NAN;
  save(folder / "a", {{"model/w", numbers}, {"model/x", broken}, {"model/y", numbers}});
  save(folder / "b", {{"model/w", signs}, {"model/x", broken}, {"model/y", broken}});
  EXPECT_THAT(diff(folder).out,
              AllOf(HasSubstr("different: 2 of 3 arrays\n"),
                    HasSubstr("model/w: 1 of 12 elements, by 0 at most, relative 0\n"),
                    HasSubstr("model/y: 1 of 12 elements, by inf at most, relative inf\n")));
}

TEST(CheckpointDiff, NamesArraysThatAreMissingOrOfAnotherShape) {
  const test::TemporaryFolder folder;
  save(folder / "a", {{"model/v", counted(12)}, {"model/w", counted(12)}});
  save(folder / "b", {{"model/u", counted(12)}, {"model/w", counted(12), {4, 3}}});
  const Outcome outcome = diff(folder);
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("different: 3 of 3 arrays\n"), HasSubstr("  only in  A: model/v\n"),
                    HasSubstr("  only in  B: model/u\n"),
                    HasSubstr("  shape    model/w: (3, 4) and (4, 3)\n")));
}

TEST(CheckpointDiff, StepAndStateCountUnlessOnlyArraysAreAskedFor) {
  const test::TemporaryFolder folder;
  const std::string recipe(90, 'x');
  save(folder / "a", {{"model/w", counted(12)}},
       R"({"seed": 7, "data": {"position": 4, "epoch": 1}, "recipe": ")" + recipe + R"(1"})", 1);
  save(folder / "b", {{"model/w", counted(12)}},
       R"({"data": {"position": 5, "epoch": 1}, "recipe": ")" + recipe + R"(2"})", 2);
  const Outcome all = diff(folder);
  EXPECT_EQ(all.code, 3);
  EXPECT_THAT(
      all.out,
      AllOf(HasSubstr("equal: 1 array, 12 elements"), HasSubstr("  step     1 and 2\n"),
            HasSubstr("  state    seed: 7 and nothing\n"),
            HasSubstr("  state    data/position: 4 and 5\n"),
            HasSubstr("state    recipe: ...xxxxxxxxxxxxxxxxxxxxxxxx1\" and ...xxxxxxxxxxxx"),
            Not(HasSubstr("epoch"))));
  const Outcome arrays = diff(folder, "--arrays-only");
  EXPECT_EQ(arrays.code, 0);
  EXPECT_THAT(arrays.out, Not(HasSubstr("state")));
}

TEST(CheckpointDiff, TheRecipeIsComparedKeyByKeyWithoutWhatCannotMatter) {
  const test::TemporaryFolder folder;
  const auto state = [](const std::string& training, const std::string& others) {
    const std::string recipe = "[training]\nseed = 7\n" + training + "\n" + others;
    return nlohmann::json{{"data", {{"prefix", others}, {"index", "5"}}}, {"recipe", recipe}}
        .dump();
  };
  save(folder / "a", {{"model/w", counted(12)}},
       state("clip = 1.0\nmicro_batch = 1",
             "[parallel]\ntensor = 2\n[log]\ndirectory = 'a'\n[checkpoint]\nevery = 3"));
  save(folder / "b", {{"model/w", counted(12)}},
       state("clip = 1.0\nmicro_batch = 4\nstop_after = 3", "[log]\ndirectory = 'b'"));
  save(folder / "c", {{"model/w", counted(12)}},
       state("clip = 0.5\nsteps = 9", "[model]\nfamily = 'gpt'"));
  EXPECT_EQ(diff(folder).code, 0) << diff(folder).out;
  EXPECT_THAT(diff(folder).out, Not(HasSubstr("state")));
  const Outcome others = run("diff", (folder / "a") + " " + (folder / "c"));
  EXPECT_EQ(others.code, 3);
  EXPECT_THAT(others.out, HasSubstr("  state    recipe/model.family: nothing and \"gpt\"\n"
                                    "  state    recipe/training.clip: 1.0 and 0.5\n"
                                    "  state    recipe/training.steps: nothing and 9\n"));
}

TEST(CheckpointDiff, OfManyArraysShowsThoseThatAreFarthestApart) {
  const test::TemporaryFolder folder;
  std::vector<Matrix> left, right;
  for (int i = 0; i < 25; ++i) {
    left.push_back({"model/w" + std::to_string(i), counted(12)});
    right.push_back(left.back());
    right.back().numbers[7] += 0.25f * static_cast<float>(i);
  }
  save(folder / "a", left);
  save(folder / "b", right);
  const std::string out = diff(folder).out;
  EXPECT_THAT(out, AllOf(HasSubstr("different: 24 of 25 arrays\n  values   model/w24: 1 of 12 "),
                         HasSubstr("by 1.25 at most, relative 0.152\n           and 4 more\n"),
                         HasSubstr("relative: of the larger of two elements"),
                         Not(HasSubstr("model/w4:"))));
}

TEST(CheckpointDiff, ADamagedShardIsNamed) {
  const test::TemporaryFolder folder;
  save(folder / "a", {{"model/w", counted(12)}});
  save(folder / "b", {{"model/w", counted(12)}});
  const std::string file = folder / "b/step-00000001/rank-00000.h5";
  std::string bytes = test::read_file(file);
  bytes[100] ^= 1;
  test::write_file(file, bytes);
  EXPECT_THROW((void)diff(folder), CheckpointError);
}

}  // namespace
}  // namespace tokenwerk
