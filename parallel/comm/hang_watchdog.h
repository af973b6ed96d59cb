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
#include "parallel/comm/ledger_report.h"
#include "parallel/comm/side_channel.h"

namespace tokenwerk {

/// A thread on each rank. Where the oldest call at hand has waited longer than the limit, the rank
/// tells the first one, which asks all ranks for their ledgers, logs what they say
/// (ledger_report.h) and ends the run. Ranks tell it in turns, one of each host first, and whom it
/// has asked meanwhile knows that it is at work and is quiet. Where the first rank gives no answer,
/// the others say so. A rank that was stopped as a whole counts anew when it goes on.
class HangWatchdog {
 public:
  struct Ranks {
    int rank = 0;
    int turn = 0;                        ///< place in the order in which ranks tell the first one
    std::vector<SideAddress> addresses;  ///< by rank; the first one's alone on other ranks
    std::uint64_t secret = 0;            ///< of the run
  };

  /// In seconds.
  struct Times {
    using Seconds = std::chrono::duration<double>;
    Seconds answer{5.0};    ///< to wait for an answer
    Seconds turn{0.005};    ///< from one rank's turn to tell to the next one's
    Seconds again{20.0};    ///< for which a sign of work of the first rank holds
    Seconds verdict{60.0};  ///< to the end of the run, from being told, without such signs
  };

  /// `seconds` above 0. `end_run` is called on the watchdog's thread and should not return.
  HangWatchdog(const Ledger& ledger, std::unique_ptr<SideChannel> channel, Ranks ranks,
               double seconds, std::function<void()> end_run, Times times);
  HangWatchdog(const Ledger& ledger, std::unique_ptr<SideChannel> channel, Ranks ranks,
               double seconds, std::function<void()> end_run)
      : HangWatchdog(ledger, std::move(channel), std::move(ranks), seconds, std::move(end_run),
                     Times()) {}
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
  [[nodiscard]] std::vector<RankStanding> standings() const;
  /// On other ranks: tells the first one.
  void report(const std::stop_token& stop);
  void speak_alone(const std::stop_token& stop, std::string_view first_rank_state);
  [[nodiscard]] bool first_rank_is_at_work() const;

  const Ledger& ledger_;
  Ranks ranks_;
  std::chrono::duration<double> limit_;
  std::function<void()> end_run_;
  Times times_;
  std::atomic<bool> told_ = false;             ///< by another rank
  std::atomic<bool> judging_ = false;          ///< on the first rank
  std::atomic<Clock::time_point> at_work_at_;  ///< when the first rank last showed that it is
  std::optional<Clock::time_point> tell_at_;   ///< when to tell the first rank, while overdue
  std::optional<Clock::time_point> told_at_;   ///< the first rank, which has not begun since
  int silences_ = 0;                           ///< of the first rank, in a row
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::unique_ptr<SideChannel> channel_;
  std::jthread thread_;
};

}  // namespace tokenwerk
