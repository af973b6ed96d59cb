/// `tokenwerk checkpoint inspect` and `verify`: what they print and how they end.

#include "launch/checkpoint_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

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

}  // namespace
}  // namespace tokenwerk
