/// The gtest program of tests under mpirun: rank 0 reports, other ranks only what fails on them,
/// all ranks leave with one exit code, and a test that hangs is named and ends the run.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

#include "parallel/comm/control.h"
#include "parallel/comm/ledger.h"
#include "parallel/comm/nccl_backend.h"
#include "tests/support/mpi_test.h"

namespace tokenwerk::test {
namespace {

/// What lasts as long as the program.
struct Process {
  MpiEnvironment environment;
  std::unique_ptr<Device> device = make_device(test_device_kind(), environment.local_rank());
  std::unique_ptr<Device> control_device = make_device(DeviceKind::cpu);
  std::unique_ptr<Communicator> control = environment.make_world(*control_device);
  Ledger ledger;
  std::unique_ptr<NcclBackend> nccl_alone;
};
Process* process = nullptr;

/// Ends the program when one test takes too long; gtest tells it when tests begin and end.
class Watchdog final : public testing::EmptyTestEventListener {
 public:
  Watchdog(int rank, double seconds)
      : rank_(rank),
        limit_(seconds),
        thread_([this](const std::stop_token& stop) { watch(stop); }) {}

  void OnTestStart(const testing::TestInfo& info) override {
    const std::scoped_lock lock(mutex_);
    name_ = std::string(info.test_suite_name()) + "." + info.name();
    end_ = std::chrono::steady_clock::now() +
           std::chrono::duration_cast<std::chrono::nanoseconds>(limit_);
  }
  void OnTestEnd(const testing::TestInfo&) override {
    const std::scoped_lock lock(mutex_);
    name_.clear();
  }

 private:
  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, stop, std::chrono::milliseconds(100), [] { return false; })) {
      if (stop.stop_requested()) return;
      if (name_.empty() || std::chrono::steady_clock::now() < end_) continue;
      std::fprintf(stderr, "rank %d: test %s still runs after %g s: aborted\n", rank_,
                   name_.c_str(), limit_.count());
      std::fflush(nullptr);
      std::_Exit(EXIT_FAILURE);  // mpirun ends the other ranks
    }
  }

  int rank_;
  std::chrono::duration<double> limit_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::string name_;
  std::chrono::steady_clock::time_point end_;
  std::jthread thread_;
};

/// The voice of ranks other than 0: failures only.
class FailurePrinter final : public testing::EmptyTestEventListener {
 public:
  explicit FailurePrinter(int rank) : rank_(rank) {}
  void OnTestStart(const testing::TestInfo& info) override {
    name_ = std::string(info.test_suite_name()) + "." + info.name();
  }
  // Here gtest holds the lock that asking it for the current test would take.
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    std::fprintf(stderr, "rank %d: %s\n%s:%d: %s\n", rank_, name_.c_str(),
                 result.file_name() == nullptr ? "?" : result.file_name(), result.line_number(),
                 result.summary());
  }

 private:
  int rank_;
  std::string name_ = "?";
};

}  // namespace

MpiEnvironment& environment() { return process->environment; }
Device& rank_device() { return *process->device; }

std::unique_ptr<Communicator> make_rank_communicator() {
  if (process->environment.size() > 1 || rank_device().kind() == DeviceKind::cpu)
    return process->environment.make_world(rank_device());
  auto& nccl = process->nccl_alone;
  if (!nccl)
    nccl = make_nccl_backend(rank_device(), *process->control, process->ledger,
                             [] { environment().abort_all(4); });
  return nccl->split(Axis::world, 0, 0, 1);
}

double seconds_per_test() {
  const char* text = std::getenv("TOKENWERK_TEST_SECONDS");
  return text == nullptr ? 120.0 : std::atof(text);
}

namespace {

/// The highest number of failures of any rank.
int run_all_tests() {
  Process here;
  process = &here;
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  const int rank = here.environment.rank();
  if (rank != 0) {
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(std::make_unique<FailurePrinter>(rank).release());
  }
  listeners.Append(std::make_unique<Watchdog>(rank, seconds_per_test()).release());
  const int failed = RUN_ALL_TESTS();
  return static_cast<int>(all_reduce(*here.control, Index{failed}, Reduction::max));
}

}  // namespace
}  // namespace tokenwerk::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  try {
    return tokenwerk::test::run_all_tests();
  } catch (const std::exception& error) {  // no device, for one
    std::fprintf(stderr, "%s\n", error.what());
    return 4;
  }
}
