#pragma once
/// Ends a run in which ranks wait for others too long, and says who has not come.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "parallel/comm/ledger.h"
#include "parallel/comm/side_channel.h"

namespace tokenwerk {

/// A thread on each rank. Where the oldest call at hand has waited longer than the limit, the rank
/// tells the first one, which asks all ranks for their ledgers, logs what they say
/// (ledger_report.h) and ends the run. Where the first rank gives no answer, the others say so. A
/// rank that was stopped as a whole counts anew when it goes on.
class HangWatchdog {
 public:
  struct Ranks {
    int rank = 0;
    std::vector<SideAddress> addresses;  ///< by rank; the first one's alone on other ranks
    std::uint64_t secret = 0;            ///< of the run
  };

  /// `seconds` above 0. `end_run` is called on the watchdog's thread and should not return.
  HangWatchdog(const Ledger& ledger, std::unique_ptr<SideChannel> channel, Ranks ranks,
               double seconds, std::function<void()> end_run);
  HangWatchdog(const HangWatchdog&) = delete;
  HangWatchdog& operator=(const HangWatchdog&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] std::string answer(const std::string& question);
  void work(const std::stop_token& stop);
  /// Sleeps; false where the watchdog ends meanwhile.
  [[nodiscard]] bool rest(const std::stop_token& stop, std::chrono::duration<double> time);
  void look(const std::stop_token& stop);
  /// On the first rank: asks all, explains, ends the run; nothing where ranks have gone on.
  void judge();
  /// On other ranks: tells the first one.
  void report(const std::stop_token& stop);
  void speak_alone(const std::stop_token& stop, std::string_view first_rank_state);

  const Ledger& ledger_;
  Ranks ranks_;
  std::chrono::duration<double> limit_;
  std::function<void()> end_run_;
  std::atomic<bool> told_ = false;            ///< by another rank
  std::optional<Clock::time_point> told_at_;  ///< the first rank, by this one
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::unique_ptr<SideChannel> channel_;
  std::jthread thread_;
};

}  // namespace tokenwerk
