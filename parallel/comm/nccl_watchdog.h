#pragma once
/// Finds collectives that hang or fail: the streams that wait for them say nothing.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/cuda/stream.h"
#include "parallel/comm/ledger.h"

namespace tokenwerk::nccl {

using Seconds = std::chrono::duration<double>;

/// A number above 0 from the environment.
[[nodiscard]] double setting(const char* name, double otherwise);
/// How long what NCCL starts may take, and an operation where the ledger is not watched or the
/// variable is set: TOKENWERK_NCCL_SECONDS, or 600.
[[nodiscard]] Seconds limit();

/// The operations of one communicator that are under way. Thread-safe.
class Journal {
 public:
  Journal(Ledger& ledger, Axis axis, int rank, int size)
      : ledger_(&ledger), axis_(axis), rank_(rank), size_(size), at_hand_(ledger) {}

  /// An operation has been queued on the stream.
  void note(const CollectiveCall& call, Index bytes, cudaStream_t stream);
  /// Tells the ledger of the oldest operation that has not passed. If that is older than the limit
  /// that holds for it: "all_reduce 17 of 4096 bytes over data (rank 1
  /// of 4, host n3) has not ended for 3 s".
  [[nodiscard]] std::optional<std::string> look();
  [[nodiscard]] Axis axis() const { return axis_; }

 private:
  struct Entry {
    CollectiveCall call;
    Index bytes = 0, number = 0;
    std::chrono::steady_clock::time_point queued;
    cuda::UniqueEvent passed;
  };
  /// Of more under way than this, the newest is noted in the place of the last one.
  static constexpr std::size_t most = 256;

  Ledger* ledger_;
  Axis axis_;
  int rank_, size_;
  std::mutex mutex_;
  Index count_ = 0;
  std::deque<Entry> under_way_;
  std::vector<cuda::UniqueEvent> spare_;
  CallAtHand at_hand_;
};

/// A thread that looks at all communicators of the rank now and then.
class Watchdog {
 public:
  /// What is wrong with a communicator, if anything is.
  using Look = std::function<std::optional<std::string>()>;

  /// `abort` is called once, on the watchdog's thread, after the fault was logged.
  Watchdog(Seconds period, std::function<void()> abort);

  /// Looks at it until `forget`.
  void watch(const void* who, Look look);
  void forget(const void* who);

 private:
  void work(const std::stop_token& stop);

  Seconds period_;
  std::function<void()> abort_;
  int gpu_;  ///< of the thread that made this
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<std::pair<const void*, Look>> watched_;
  std::jthread thread_;
};

}  // namespace tokenwerk::nccl
