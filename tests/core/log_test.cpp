#include "core/log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

/// The program's own log again, without a file.
struct LogTest : testing::Test {
  ~LogTest() override { open_log(0, {}); }
  test::TemporaryFolder folder;
};

TEST_F(LogTest, TheConsoleShowsPlainLinesAndTheFileTimesAndLevels) {
  const auto file = folder.path() / "log.txt";
  open_log(0, file);
  testing::internal::CaptureStderr();
  log_info("step {}", 3);
  log_warning("{}: damaged", "a.bin");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "step 3\na.bin: damaged\n");
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  EXPECT_NE(text.str().find(" info step 3\n"), std::string::npos) << text.str();
  EXPECT_NE(text.str().find(" warning a.bin: damaged\n"), std::string::npos) << text.str();
}

TEST_F(LogTest, OtherRanksOnlyWarnAndSayWhoTheyAre) {
  open_log(5, {});
  testing::internal::CaptureStderr();
  log_info("step {}", 3);
  log_error("lost {}", "peer");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "rank 5: lost peer\n");
}

TEST_F(LogTest, AFileThatCannotBeOpenedIsNamed) {
  const auto file = folder.path() / "missing";
  std::ofstream(file) << "a file, not a folder";
  try {
    open_log(0, file / "log.txt");
    FAIL() << "opened";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find((file / "log.txt").string()), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace tokenwerk
