/// Asking hosts, where a script stands for what reaches them.

#include "launch/supervisor/host_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;

class HostProbe : public testing::Test {
 protected:
  /// What `mpirun` does, on the host $name, in the folder of the test; each call leaves a line.
  explicit HostProbe(const std::string& script = "case $name in silent*) sleep 60;; esac") {
    const std::filesystem::path file = folder_.path() / "mpirun";
    test::write_file(file, "#!/bin/sh\nname=${2%:1}\ncd " + folder_.path().string() +
                               "\necho $name >>calls\n" + script + "\n");
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    test::write_file(folder_.path() / "calls", "");
    ::setenv("PATH", (folder_.path().string() + ":" + path_).c_str(), 1);
  }
  ~HostProbe() override { ::setenv("PATH", path_.c_str(), 1); }

  [[nodiscard]] std::ptrdiff_t calls() const {
    return std::ranges::count(test::read_file(folder_.path() / "calls"), '\n');
  }
  [[nodiscard]] static std::vector<Host> many(const std::string& name, int count) {
    std::vector<Host> hosts;
    for (int i = 0; i < count; ++i) hosts.push_back({name + std::to_string(i), 1});
    return hosts;
  }

  const std::string path_ = std::getenv("PATH");
  const StopSignals stop_;
  test::TemporaryFolder folder_;
};

TEST_F(HostProbe, TellsWhoAnswersInTheOrderOfTheList) {
  const Answers answers = ask_hosts(Starter::mpirun, {{"n2", 2}, {"silent", 2}, {"n1", 2}},
                                    {.stop = stop_, .limit = 1s});
  EXPECT_THAT(answers.reached, ElementsAre(Host{"n2", 2}, Host{"n1", 2}));
  EXPECT_THAT(answers.silent, ElementsAre(Host{"silent", 2}));
}

TEST_F(HostProbe, AfterTheOutageLimitAsksNobodyMoreWhereNobodyAnswers) {
  const Answers answers =
      ask_hosts(Starter::mpirun, many("silent", 300),
                {.stop = stop_, .until = std::chrono::steady_clock::now(), .limit = 2s});
  EXPECT_EQ(answers.silent.size(), 300u);
  EXPECT_LT(calls(), 300);
}

/// Who is asked first answers only once the last one has been asked.
class HostProbeOfTheSlow : public HostProbe {
 protected:
  HostProbeOfTheSlow()
      : HostProbe(
            "[ $name != last ] || : >end\n"
            "[ $name != first ] || until [ -e end ]; do sleep 0.05; done") {}
};

TEST_F(HostProbeOfTheSlow, ASlowHostKeepsNoOtherFromItsTurn) {
  std::vector<Host> hosts{{"first", 1}};
  for (const Host& host : many("n", 70)) hosts.push_back(host);
  hosts.push_back({"last", 1});
  EXPECT_EQ(names_of(ask_hosts(Starter::mpirun, hosts, {.stop = stop_}).silent), "");
}

/// A signal comes while the first of them is asked.
class HostProbeOfTheStopped : public HostProbe {
 protected:
  HostProbeOfTheStopped() : HostProbe("kill -TERM $PPID\nsleep 60") {}
};

TEST_F(HostProbeOfTheStopped, EndsAtOnceWhereItIsAskedToStop) {
  (void)ask_hosts(Starter::mpirun, many("n", 300), {.stop = stop_});
  EXPECT_GT(stop_.count(), 0);
  EXPECT_LT(calls(), 300);
}

}  // namespace
}  // namespace tokenwerk
