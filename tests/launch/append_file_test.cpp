/// Files on disks that are full for a while, and in folders that are taken away.

#include "launch/append_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "core/log.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using testing::HasSubstr, testing::Not;
using Records = AppendFile::Records;

class AppendFileTest : public testing::Test {
 protected:
  void SetUp() override {
    open_log(0, {});
    std::filesystem::create_directory(folder_ / "run");
  }
  [[nodiscard]] std::string text() const { return test::read_file(path_); }

  test::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "run/file";
};

TEST_F(AppendFileTest, WhatAFullDiskRefusesIsToldOnceAndWrittenWholeLater) {
  AppendFile file(path_, Records::lines);
  file.append("one\n");
  testing::internal::CaptureStderr();
  {
    const test::FileSizeLimit full(10);
    file.append("two, longer\n");
    file.append("three\n");
    EXPECT_EQ(text(), "one\n") << "a half line is taken back";
    EXPECT_EQ(file.waiting().size(), 2u);
  }
  file.append("four\n");
  EXPECT_EQ(text(), "one\ntwo, longer\nthree\nfour\n");
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("cannot be written"), said.rfind("cannot be written")) << said;
  EXPECT_THAT(said, HasSubstr("run/file: can be written again"));
}

TEST_F(AppendFileTest, BeyondItsBoundTheOldestAreDroppedAndSoIsWhatStaysRefused) {
  testing::internal::CaptureStderr();
  {
    AppendFile file(path_, Records::lines, {}, 12);
    std::optional<test::FileSizeLimit> full(0);
    for (const char* line : {"aaaa\n", "bbbb\n", "cccc\n", "dddd\n"}) file.append(line);
    full.reset();
    file.flush();
    EXPECT_EQ(text(), "cccc\ndddd\n");
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("2 records lost, which did"));
    full.emplace(10);
    testing::internal::CaptureStderr();
    file.append("eeee\n");
    std::filesystem::remove(path_);
    std::filesystem::create_directory(path_);  // in the way, to the end
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("1 record lost"));
}

TEST_F(AppendFileTest, AHalfLineOfAnotherProcessIsEndedFirst) {
  test::write_file(path_, "whole\nhal");
  AppendFile file(path_, Records::lines);
  file.append("mine\n");
  EXPECT_EQ(text(), "whole\nhal\nmine\n");
}

TEST_F(AppendFileTest, IsMadeAgainWithItsFolderAndItsBeginning) {
  AppendFile file(path_, Records::framed, "begin ");
  file.append("one ");
  file.append("two ");
  EXPECT_EQ(text(), "begin one two ");
  std::filesystem::rename(folder_ / "run", folder_ / "taken");
  testing::internal::CaptureStderr();
  file.append("three ");
  file.append("four ");
  EXPECT_EQ(text(), "begin three four ");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("was removed or renamed"));
  EXPECT_EQ(test::read_file(folder_ / "taken/file"), "begin one two ");
}

}  // namespace
}  // namespace tokenwerk
