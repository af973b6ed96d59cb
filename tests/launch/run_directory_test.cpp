/// Who holds the folders of a run, also when somebody takes them away.

#include "launch/run_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/launch/recipe_text.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

namespace fs = std::filesystem;

class RunDirectory : public testing::Test {
 protected:
  [[nodiscard]] static std::string fault_of(const std::function<void()>& work) {
    try {
      work();
      return {};
    } catch (const ConfigError& error) {
      return error.what();
    }
  }
  void take_away() const { fs::rename(log_, fs::path(log_) += "-taken"); }

  const test::TemporaryFolder folder_;
  const fs::path log_ = folder_ / "run";
  const Recipe recipe_ =
      resolved(test::read(test::small, {{"log.directory", log_.string()}}, 1), 1);
  RunDirectories first_{recipe_};
};

TEST_F(RunDirectory, IsHeldByOneRun) {
  EXPECT_FALSE(first_.hold_again());
  EXPECT_THAT(fault_of([&] { const RunDirectories second(recipe_); }),
              testing::HasSubstr("another run is using it"));
}

TEST_F(RunDirectory, IsHeldAgainOnceItIsMadeAgain) {
  take_away();
  EXPECT_FALSE(first_.hold_again()) << "there is nothing to hold";
  fs::create_directories(log_ / "checkpoints");
  EXPECT_TRUE(first_.hold_again());
  EXPECT_FALSE(first_.hold_again());
  EXPECT_THAT(fault_of([&] { const RunDirectories second(recipe_); }),
              testing::HasSubstr("another run is using it"));
}

TEST_F(RunDirectory, IsLeftToTheRunThatHasItByNow) {
  take_away();
  const RunDirectories second(recipe_);
  EXPECT_THAT(fault_of([&] { (void)first_.hold_again(); }),
              testing::HasSubstr("another run is using it: this one ends"));
}

}  // namespace
}  // namespace tokenwerk
