#pragma once
/// What this rank has called of its communicators and what its queues have at hand: what a hang is
/// explained from. Always on; noting a call allocates nothing.

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <vector>

#include "parallel/comm/collective_call.h"

namespace tokenwerk {

class Ledger;

/// The calls of one communicator. Thread-safe, like all of this file.
class CallHistory {
 public:
  /// So many of the newest calls are kept, to find the one at which ranks began to differ.
  static constexpr std::size_t kept = 8;

  explicit CallHistory(Ledger& ledger);
  CallHistory(const CallHistory&) = delete;
  CallHistory& operator=(const CallHistory&) = delete;
  ~CallHistory();

  void note(const CollectiveCall& call);
  /// The newest calls that are no exchange, oldest first.
  [[nodiscard]] std::vector<CollectiveCall> latest() const;

 private:
  Ledger* ledger_;
  mutable std::mutex mutex_;
  std::array<CollectiveCall, kept> calls_;
  std::size_t count_ = 0;
};

/// The call that one queue is working on.
class CallAtHand {
 public:
  using Clock = std::chrono::steady_clock;

  explicit CallAtHand(Ledger& ledger);
  CallAtHand(const CallAtHand&) = delete;
  CallAtHand& operator=(const CallAtHand&) = delete;
  ~CallAtHand();

  void begin(const CollectiveCall& call, Clock::time_point since = Clock::now());
  void end();

 private:
  friend class Ledger;

  Ledger* ledger_;
  std::mutex mutex_;
  bool busy_ = false;
  Clock::time_point since_;
  CollectiveCall call_;
};

/// A call that waits, for so long.
struct WaitingCall {
  CollectiveCall call;
  double seconds = 0;
};

/// All of a rank; histories and queues end before it.
class Ledger {
 public:
  Ledger() = default;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  /// What the queues have at hand now, oldest first.
  [[nodiscard]] std::vector<WaitingCall> at_hand() const;
  /// Seconds for which the oldest of them has waited; 0: none.
  [[nodiscard]] double oldest_seconds() const;
  /// The newest calls of each communicator.
  [[nodiscard]] std::vector<CollectiveCall> latest() const;

  /// Somebody looks at the ledger, or the user wants that nobody does: back ends that would watch
  /// over their own calls otherwise leave them to it.
  void set_watched() { watched_ = true; }
  [[nodiscard]] bool watched() const { return watched_; }

 private:
  friend class CallHistory;
  friend class CallAtHand;

  mutable std::mutex mutex_;
  std::vector<CallHistory*> histories_;
  std::vector<CallAtHand*> queues_;
  std::atomic<bool> watched_ = false;
};

}  // namespace tokenwerk
