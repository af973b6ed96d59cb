/// The program's commands: exit codes, suggestions, and the frozen text of their help.

#include "launch/command_line.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "launch/exit_code.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

/// The whole program on one rank, with its output.
struct Outcome {
  int code = 0;
  std::string out, error;
};

Outcome run(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "tokenwerk");
  MpiEnvironment alone;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = run_command_line(static_cast<int>(arguments.size()), arguments.data(), alone);
  std::fflush(nullptr);
  std::cout.flush();
  Outcome outcome{code, testing::internal::GetCapturedStdout(),
                  testing::internal::GetCapturedStderr()};
  return outcome;
}

TEST(CommandLine, PrintsItsVersion) {
  const Outcome outcome = run({"--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out.find("tokenwerk "), 0u) << outcome.out;
}

TEST(CommandLine, ACommandIsRequired) { EXPECT_EQ(run({}).code, 2); }

TEST(CommandLine, AnUnknownCommandIsAnsweredWithTheNearest) {
  const Outcome outcome = run({"trian"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.error.find("unknown command trian; the nearest known one is train"),
            std::string::npos)
      << outcome.error;
}

TEST(CommandLine, FaultsOfTheRecipeEndWithCodeTwo) {
  const test::TemporaryFolder folder;
  const std::string file = folder / "run.toml";
  test::write_file(
      file, "[model]\npreset = \"gpt2-124m\"\n[data]\ntrain = \"x\"\n[training]\nsteps = 1\n");
  const Outcome outcome =
      run({"train", "--training.stepz", "4", "--training.clip", "-1", file.c_str()});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.error.find(
                "--training.stepz: unknown flag; the nearest known one is --training.steps"),
            std::string::npos)
      << outcome.error;
  const Outcome other = run(
      {"train", file.c_str(), "--training.clip", "-1", "--model.tide=3", "--training.seed", "-7"});
  EXPECT_EQ(other.code, 2);
  EXPECT_EQ(other.error,
            "4 faults in the recipe:\n"
            "--model.tide: unknown flag; the nearest known one is --model.tied\n"
            "--training.seed: -7 is not an integer, 0 or more; the nearest legal "
            "value is 0\n"
            "--training.clip: -1 is not a number, 0 or more; the nearest legal "
            "value is 0\n" +
                file +
                ":4:1: data.train: no file x.bin (it is a path prefix, as `prepare --output` "
                "takes)\n");
}

TEST(CommandLine, TheLastOfTwoEqualFlagsCounts) {
  const test::TemporaryFolder folder;
  const std::string file = folder / "run.toml";
  test::write_file(
      file, "[model]\npreset = \"gpt2-124m\"\n[data]\ntrain = \"x\"\n[training]\nsteps = 1\n");
  const Outcome outcome =
      run({"train", file.c_str(), "--training.clip", "0", "--training.clip", "-2"});
  EXPECT_NE(outcome.error.find("training.clip: -2 is not a number"), std::string::npos);
  EXPECT_EQ(outcome.error.find("-1 is not a number"), std::string::npos) << outcome.error;
}

TEST(CommandLine, AFlagWantsItsValue) {
  const Outcome outcome = run({"train", "run.toml", "--training.steps"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.error.find("--training.steps"), std::string::npos);
}

TEST(CommandLine, AnArgumentTooManyIsRefused) {
  EXPECT_EQ(run({"train", "run.toml", "other.toml"}).error, "unexpected argument: other.toml\n");
}

TEST(ExitCode, TellsKindsOfErrorsApart) {
  const auto code = [](const std::exception& error) {
    return static_cast<int>(exit_code_of(error));
  };
  EXPECT_EQ(code(ConfigError("", "")), 2);
  EXPECT_EQ(code(ScheduleError("", "")), 2);
  EXPECT_EQ(code(SharedError(ExitCode::stopped_by_policy, "")), 5);
  EXPECT_EQ(code(DataError("", "")), 3);
  EXPECT_EQ(code(CheckpointError("", "")), 3);
  EXPECT_EQ(code(DeviceError("", "")), 4);
  EXPECT_EQ(code(CommError("", "")), 4);
  EXPECT_EQ(code(ShapeError("", "")), 1);
  EXPECT_EQ(code(std::runtime_error("")), 1);
}

/// A change of the command line shows in tests/golden/help. To accept one: run with
/// TOKENWERK_UPDATE_GOLDEN=1 and read the difference.
TEST(CommandLine, HelpOfEveryCommandEqualsTheFrozenText) {
  MpiEnvironment alone;
  int code = 0;
  const auto app = make_command_line(alone, code);
  std::vector<CLI::App*> commands = app->get_subcommands({});
  commands.push_back(app.get());
  for (const CLI::App* command : commands) {
    const std::string name = command->get_name();
    const std::string text = command->help(command == app.get() ? "" : "tokenwerk");
    const auto golden = std::filesystem::path(TW_TEST_DATA) / "golden/help" / (name + ".txt");
    if (std::getenv("TOKENWERK_UPDATE_GOLDEN") != nullptr) test::write_file(golden, text);
    ASSERT_TRUE(std::filesystem::exists(golden)) << golden;
    EXPECT_EQ(text, test::read_file(golden));
  }
}

}  // namespace
}  // namespace tokenwerk
