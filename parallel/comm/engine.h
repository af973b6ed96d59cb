#pragma once
/// The engine that moves all messages of a rank on: MPI progresses only when it is called.
///
/// Every collective is an `Operation` in a `CommQueue`. A queue runs its operations in order; all
/// queues move on together, whoever drives, so that no order of waiting can deadlock as long as
/// each communicator's calls come in one order on all its ranks. Who drives: a thread of the engine
/// where a core is free, every `wait`, and `progress` calls between layers.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/tensor.h"
#include "core/trace.h"
#include "parallel/comm/idle.h"
#include "parallel/comm/ledger.h"
#include "parallel/comm/traffic.h"

namespace tokenwerk {

class CommQueue;
class Operation;

enum class EngineThread { off, on };

/// Owns the rank's MPI traffic. Calls MPI from one thread at a time (MPI_THREAD_SERIALIZED).
class CommEngine {
 public:
  explicit CommEngine(EngineThread thread);
  CommEngine(const CommEngine&) = delete;
  CommEngine& operator=(const CommEngine&) = delete;
  /// All queues have ended before.
  ~CommEngine();

  /// What this rank's communicators have called and what its queues have at hand.
  [[nodiscard]] Ledger& ledger() { return ledger_; }

  [[nodiscard]] bool has_thread() const { return worker_.joinable(); }
  /// Moves all queues as far as their messages have come; never blocks. Returns whether any moved:
  /// false too where another thread is at it.
  bool progress();
  /// Runs `body`, which calls MPI, while nobody else does. It may not wait for other ranks unless
  /// all queues are idle.
  void serialized(const std::function<void()>& body);
  /// As progress, for the program between its own work: counts what moving took as waiting.
  void help();
  /// All that was given to the queues so far.
  [[nodiscard]] Traffic sent() const;
  /// Seconds so far in which the program waited for a queue, or helped. For the program's thread.
  [[nodiscard]] double waited_seconds() const { return waited_seconds_; }
  /// Waits until all queues are idle.
  void drain();

  /// Records operations and waits from now on; null: no longer. All queues are idle.
  void trace_into(TraceRecorder* recorder);
  [[nodiscard]] TraceRecorder* trace() const { return trace_; }

  /// Stops for good: no message moves any more, waits throw. For a rank that dies of an exception,
  /// whose buffers are about to go.
  void halt() noexcept;
  [[nodiscard]] bool halted() const { return halted_; }

 private:
  friend class CommQueue;
  void work(const std::stop_token& stop);

  Ledger ledger_;
  std::mutex driver_;  ///< held while calling MPI and moving operations
  std::vector<CommQueue*> queues_;
  TraceRecorder* trace_ = nullptr;  ///< set while all queues are idle
  std::atomic<bool> halted_ = false;
  double waited_seconds_ = 0.0;  ///< of the program's thread

  mutable std::mutex submission_;  ///< guards the queues' waiting lists
  Traffic sent_;                   ///< guarded by submission_
  std::condition_variable_any submitted_;
  std::atomic<Index> outstanding_ = 0;  ///< operations that are neither done nor dropped
  std::jthread worker_;
};

/// Operations that run one after the other. One thread submits and waits.
class CommQueue {
 public:
  CommQueue(CommEngine& engine, Device& device, std::string purpose);
  CommQueue(const CommQueue&) = delete;
  CommQueue& operator=(const CommQueue&) = delete;
  /// Waits for what is under way, logging its errors; halts the engine instead where an exception
  /// unwinds the stack.
  ~CommQueue();

  void submit(std::unique_ptr<Operation> operation);
  /// How many operations have been submitted so far: a point that `wait` understands.
  [[nodiscard]] std::uint64_t submitted() const { return submitted_; }
  /// Drives the engine until the first `count` operations are done. Throws what one of the queue's
  /// operations threw, now and at each later call.
  void wait(std::uint64_t count);

 private:
  friend class CommEngine;
  /// What an event of the trace says of an operation.
  struct Label {
    Axis axis{};
    Collective collective{};
  };

  bool advance();
  void fail(std::exception_ptr error);
  /// The operation at hand has begun, or is done.
  void note_begin();
  void note_end();
  /// The caller has waited since then.
  void note_wait(std::chrono::steady_clock::time_point since);
  [[nodiscard]] bool recorded() const;

  CommEngine* engine_;
  std::string purpose_;  ///< names its track of a timeline
  Tensor scratch_;
  Idle idle_;
  int exceptions_;                                  ///< under way when this was made
  std::deque<std::unique_ptr<Operation>> waiting_;  ///< guarded by the engine's submission_
  CallAtHand at_hand_;
  std::unique_ptr<Operation> current_;           ///< from here guarded by the engine's driver_
  std::chrono::steady_clock::time_point began_;  ///< the current operation; zero: not recorded
  int track_ = -1;                               ///< of the trace; -1: none yet
  std::atomic<Label> latest_;                    ///< the last operation that is done
  std::exception_ptr error_;                     ///< set before failed_, then constant
  std::atomic<bool> failed_ = false;
  std::atomic<std::uint64_t> submitted_ = 0;
  std::atomic<std::uint64_t> done_ = 0;
};

/// A stream whose work is collectives.
class CommStream final : public Stream {
 public:
  CommStream(CommEngine& engine, Device& device, std::string purpose)
      : Stream(device), queue_(engine, device, std::move(purpose)) {}

  [[nodiscard]] Event record() override { return {*this, queue_.submitted()}; }
  /// Blocks the caller until the event has passed: work is given to the cpu in program order.
  void wait_for(const Event& event) override { event.synchronize(); }
  void synchronize() override { queue_.wait(queue_.submitted()); }
  void synchronize_until(std::uint64_t point) override { queue_.wait(point); }

  [[nodiscard]] CommQueue& queue() { return queue_; }

 private:
  CommQueue queue_;
};

}  // namespace tokenwerk
