/// Programs beside this one, and the signals that ask for an end.

#include "launch/supervisor/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "core/error.h"
#include "launch/supervisor/stop_signals.h"

namespace tokenwerk {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;

TEST(ChildProcess, ItsLastLineNeedsNoEnd) {
  std::vector<std::string> lines;
  ChildProcess child({"sh", "-c", "printf 'first\\nno end' >&2; exit 3"}, {},
                     {STDERR_FILENO, [&](const std::string& line) { lines.push_back(line); }});
  std::optional<int> code;
  while (!code) code = child.wait(100ms);
  EXPECT_EQ(code, 3);
  EXPECT_THAT(lines, ElementsAre("first", "no end"));
}

TEST(ChildProcess, OneThatNeverStopsTalkingKeepsNobodyWaiting) {
  std::size_t lines = 0;
  ChildProcess child({"yes"}, {}, {STDOUT_FILENO, [&](const std::string&) { ++lines; }});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(child.wait(100ms), std::nullopt);
  EXPECT_GT(lines, 0u);
}

TEST(ChildProcess, OneThatIsNotThereIsNamed) {
  EXPECT_THROW(ChildProcess({"/no/such/program"}, {}), DeviceError);
}

TEST(StopSignals, AreCountedUnlessTheyWereIgnored) {
  const auto before = std::signal(SIGHUP, SIG_IGN);  // as under nohup
  {
    const StopSignals stop;
    std::raise(SIGHUP);
    EXPECT_EQ(stop.count(), 0);
    std::raise(SIGTERM);
    std::raise(SIGUSR1);
    EXPECT_EQ(stop.count(), 2);
  }
  EXPECT_EQ(std::signal(SIGHUP, before), SIG_IGN) << "it is ignored still";
}

}  // namespace
}  // namespace tokenwerk
