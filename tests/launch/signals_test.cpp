#include "launch/signals.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace tokenwerk {
namespace {

/// Each test leaves signals and environment as it found them.
class Signals : public ::testing::Test {
 protected:
  void SetUp() override { unsetenv("OMPI_COMM_WORLD_SIZE"); }
  void TearDown() override {
    unsetenv("OMPI_COMM_WORLD_SIZE");
    for (const int signal : {SIGUSR1, SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
  }
};

TEST_F(Signals, AloneAndUnderSrunEveryOneIsARequest) {
  for (const int ranks : {1, 8}) {
    for (const int signal : {SIGUSR1, SIGINT, SIGTERM}) {
      const StopRequest stop(ranks);
      EXPECT_FALSE(stop.received());
      std::raise(signal);
      EXPECT_TRUE(stop.received()) << "signal " << signal << " on " << ranks;
    }
  }
}

TEST_F(Signals, SigtermMayRepeatAndComeLate) {
  {
    const StopRequest stop(8);
    std::raise(SIGTERM);
    std::raise(SIGTERM);
    EXPECT_TRUE(stop.received());
  }
  std::raise(SIGTERM);
  std::raise(SIGUSR1);
}

TEST_F(Signals, TheSecondSigintEndsTheProgram) {
  EXPECT_EXIT(
      {
        const StopRequest stop(1);
        std::raise(SIGINT);
        std::raise(SIGINT);
      },
      ::testing::KilledBySignal(SIGINT), "");
}

TEST_F(Signals, UnderMpirunSigtermEndsARankAndSigusr1IsARequest) {
  setenv("OMPI_COMM_WORLD_SIZE", "8", 1);
  const StopRequest stop(8);
  std::raise(SIGUSR1);
  EXPECT_TRUE(stop.received());
  EXPECT_EXIT(std::raise(SIGTERM), ::testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace tokenwerk
