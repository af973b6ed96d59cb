/// `tokenwerk schedule`, through the real command line: what it prints, refuses, and reads back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "launch/command_line.h"
#include "parallel/pipeline/generators.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Outcome {
  int code = 0;
  std::string out, error;
};

Outcome run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"tokenwerk", "schedule"});
  std::vector<const char*> words;
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  MpiEnvironment alone;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = run_command_line(static_cast<int>(words.size()), words.data(), alone);
  std::fflush(nullptr);
  return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

Outcome run(const std::string& name, int ranks, int microbatches) {
  return run(
      {name, "--pipeline", std::to_string(ranks), "--microbatches", std::to_string(microbatches)});
}

TEST(ScheduleCommand, PrintsTableTimelineBubbleAndPeaks) {
  const Outcome outcome = run("1f1b", 2, 3);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(
      outcome.out,
      "# 1f1b: 2 ranks, 2 stages, 3 micro-batches\n"
      "rank 0: 0F0 0F1 0B0 0F2 0B1 0B2\n"
      "rank 1: 1F0 1B0 1F1 1B1 1F2 1B2\n"
      "#\n"
      "# time, one character for 1\n"
      "# 0-9: forward of a micro-batch (its last digit), a-j: backward (a: 0), A-J: weight "
      "gradient "
      "alone, .: idle\n"
      "# rank 0     01..aa2bb.cc\n"
      "# rank 1     .0aa1bb2cc..\n"
      "#\n"
      "# makespan 12, bubble 0.2500 (published: (P-1)/(M+P-1) = 0.2500)\n"
      "# rank      busy     idle  waiting  activations weight inputs together  messages\n"
      "#    0         9        3        3            2             0        2         2\n"
      "#    1         9        3        0            1             0        1         2\n"
      "# waiting: idle between a rank's first and last action; from activations on: the most that "
      "is kept at a time\n");
}

TEST(ScheduleCommand, KnowsEverySchedule) {
  for (const std::string_view name : schedule_names())
    EXPECT_THAT(run(std::string(name), 2, 4).out,
                AllOf(HasSubstr("# " + std::string(name)), HasSubstr("published: ")));
}

TEST(ScheduleCommand, TakesCostsAndVirtualStages) {
  const Outcome outcome =
      run({"interleaved", "--pipeline", "2", "--microbatches", "4", "--virtual-stages", "3",
           "--forward-cost", "2", "--backward-input-cost", "1.5", "--backward-weight-cost", "0.5"});
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("2 ranks, 6 stages, 4 micro-batches"),
                                 HasSubstr("one character for 0.5"), HasSubstr("# makespan 52, ")));
}

TEST(ScheduleCommand, WhatItPrintsIsAScheduleFile) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "mine.txt";
  const std::string first = run("zb-v", 3, 5).out;
  test::write_file(path, first);
  const Outcome second = run({"file:" + path});
  EXPECT_EQ(second.code, 0);
  const auto table = [](const std::string& text) {
    return text.substr(text.find('\n'), text.find("\n#\n") - text.find('\n'));
  };
  EXPECT_EQ(table(second.out), table(first));
  EXPECT_THAT(second.out, AllOf(HasSubstr("3 ranks, 6 stages"), Not(HasSubstr("published"))));
}

TEST(ScheduleCommand, NamesAllFaultsOfAScheduleFileAndEndsWithTwo) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "mine.txt";
  test::write_file(path, "rank 0: 0F0 0B0 0F1 0B1 0F0\nrank 1: 1F0 1F1 1B0 1B1\n");
  const Outcome outcome = run({"file:" + path});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.error,
              AllOf(HasSubstr("2 fault(s) in " + path + ":\n"),
                    HasSubstr("rank 0, action 5 (0F0) doubles rank 0, action 1\n"),
                    HasSubstr("deadlock: rank 0, action 2 (0B0) waits for rank 1, action 3")));
  test::write_file(path, "rank 0: 0F0 what\n");
  EXPECT_THAT(run({"file:" + path}).error, HasSubstr(path + ", line 1, column 13: 'what'"));
  EXPECT_EQ(run({"file:" + path}).code, 2);
}

TEST(ScheduleCommand, AFileMustBeThereAndAgreeWithTheFlags) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "mine.txt";
  test::write_file(path, "rank 0: 0F0 0B0\n");
  EXPECT_EQ(run("file:" + path, 1, 1).code, 0);
  EXPECT_THAT(run("file:" + path, 1, 2).error, HasSubstr("--microbatches 2: " + path + " has 1"));
  EXPECT_EQ(run("file:" + path, 2, 1).code, 2);
}

TEST(ScheduleCommand, AFileThatCannotBeReadIsNamedWithTheReason) {
  const test::TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0666), 0);  // which nobody will ever write
  const std::vector<std::pair<std::string, std::string>> reasons{
      {folder / "no.txt", "No such file or directory"},
      {folder.path().string(), "Is a directory"},
      {folder / "pipe", "not a regular file"},
      {"/dev/zero", "not a regular file"}};
  for (const auto& [path, reason] : reasons) {
    const Outcome outcome = run({"file:" + path});
    EXPECT_EQ(outcome.code, 2) << path;
    EXPECT_EQ(outcome.error, path + ": cannot open: " + reason + "\n");
  }
  EXPECT_EQ(run({"file:"}).code, 2);
  EXPECT_EQ(run({"file:"}).error, "file: names no file: it reads file:PATH\n");
}

TEST(ScheduleCommand, OfManyFaultsShowsTheFirst) {
  const test::TemporaryFolder folder;
  std::string text, doubled = "rank 0: 0B0";
  for (int i = 0; i < 2000; ++i) {
    text += "bad\n";
    doubled += " 0F0";
  }
  test::write_file(folder / "text", text);
  test::write_file(folder / "doubled", doubled);
  for (const std::string name : {"text", "doubled"}) {
    const Outcome outcome = run({"file:" + (folder / name)});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(std::ranges::count(outcome.error, '\n'), name == "text" ? 21 : 22) << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr(name == "text" ? "\nand 1980 more\n" : " more\n"));
  }
}

TEST(ScheduleCommand, WrongArgumentsAreAnsweredWithTheNearestLegalOnes) {
  EXPECT_THAT(run("1b1f", 2, 2).error, HasSubstr("the nearest known one is 1f1b"));
  EXPECT_THAT(run({"gpipe", "--pipeline", "2"}).error,
              HasSubstr("gpipe needs --pipeline and --microbatches"));
  EXPECT_THAT(run("gpipe", 0, 2).error, HasSubstr("the nearest legal value is 1"));
  for (const char* cost : {"-1", "nan", "x", "inf"})
    EXPECT_EQ(run({"gpipe", "--pipeline", "2", "--microbatches", "2", "--forward-cost", cost}).code,
              2)
        << cost;
  EXPECT_EQ(run("gpipe", 0, 2).code, 2);
  for (const char* number : {"x", "2x", "99999999999", "1.5"}) {
    const Outcome outcome = run({"gpipe", "--pipeline", number, "--microbatches", "2"});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.error, HasSubstr(std::string("--pipeline: ") + number +
                                         " is no number from 1 to 2147483647"));
  }
  EXPECT_THAT(run({"gpipe", "--pipeline", "2", "--microbatches", "2", "--forward-cost", "0",
                   "--backward-input-cost", "0", "--backward-weight-cost", "0"})
                  .error,
              HasSubstr("give one of them a time above 0"));
}

}  // namespace
}  // namespace tokenwerk
