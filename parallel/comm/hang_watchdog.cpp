#include "parallel/comm/hang_watchdog.h"

#include <algorithm>

#include "core/log.h"
#include "parallel/comm/ledger_report.h"

namespace tokenwerk {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr Seconds patience(5.0);          // for an answer
constexpr Seconds first_rank_time(60.0);  // from being told to the end of the run
constexpr Seconds turn(0.2);              // ranks without a first one speak one after the other

constexpr const char* ledger_question = "ledger";
constexpr const char* overdue_message = "overdue";

}  // namespace

HangWatchdog::HangWatchdog(const Ledger& ledger, std::unique_ptr<SideChannel> channel, Ranks ranks,
                           double seconds, std::function<void()> end_run)
    : ledger_(ledger),
      ranks_(std::move(ranks)),
      limit_(seconds),
      end_run_(std::move(end_run)),
      channel_(std::move(channel)) {
  channel_->serve(ranks_.secret, [this](const std::string& question) { return answer(question); });
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

std::string HangWatchdog::answer(const std::string& question) {
  if (question == overdue_message) {
    told_ = true;
    return "taken";
  }
  return question == ledger_question ? to_text(report_of(ledger_)) : std::string();
}

bool HangWatchdog::rest(const std::stop_token& stop, Seconds time) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

void HangWatchdog::work(const std::stop_token& stop) {
  const Seconds period = std::clamp(limit_ / 8, Seconds(0.05), Seconds(1.0));
  auto last = Clock::now(), not_before = last;
  while (rest(stop, period)) {
    const auto now = Clock::now();
    if (now - last > 5 * period + Seconds(5.0))  // stopped as a whole, and now continued
      not_before = now + std::chrono::duration_cast<Clock::duration>(limit_);
    if (now >= not_before) look(stop);
    last = Clock::now();
  }
}

void HangWatchdog::look(const std::stop_token& stop) {
  const bool overdue = ledger_.oldest_seconds() >= limit_.count();
  if (ranks_.rank == 0) {
    if (told_.exchange(false) || overdue) judge();
  } else if (overdue) {
    report(stop);
  } else {
    told_at_.reset();
  }
}

void HangWatchdog::judge() {
  std::vector<RankStanding> standings;
  for (const SideAddress& address : ranks_.addresses)
    standings.push_back({address.host_name(), std::nullopt});
  standings[0].report = report_of(ledger_);
  const std::vector<SideAddress> others(ranks_.addresses.begin() + 1, ranks_.addresses.end());
  const std::vector<std::string> answers = ask(others, ranks_.secret, ledger_question, patience);
  for (std::size_t i = 0; i < answers.size(); ++i)
    standings[i + 1].report = read_ledger_report(answers[i]);
  if (!any_waits(standings, limit_.count())) {
    log_warning("a rank had waited for more than {:g} s, but goes on now", limit_.count());
    return;
  }
  log_error("ranks have waited longer than training.watchdog_seconds = {:g}: the run ends",
            limit_.count());
  for (const std::string& line : explain_hang(standings)) log_error("{}", line);
  end_run_();
}

void HangWatchdog::report(const std::stop_token& stop) {
  if (!told_at_) {
    told_at_ = Clock::now();
    const std::vector<std::string> answers =
        ask({ranks_.addresses[0]}, ranks_.secret, overdue_message, patience);
    if (answers[0].empty()) speak_alone(stop, "gives no answer (stopped, dead or cut off)");
  } else if (Clock::now() - *told_at_ > first_rank_time) {
    speak_alone(stop, "was told of a hang and has not ended the run");
  }
}

void HangWatchdog::speak_alone(const std::stop_token& stop, std::string_view first_rank_state) {
  if (!rest(stop, turn * std::min(ranks_.rank - 1, 50))) return;  // the first to speak ends all
  const LedgerReport own = report_of(ledger_);
  if (own.at_hand.empty()) return;
  const ReportedCall& call = own.at_hand.front();
  log_error("rank 0 host {}: {}; rank {} has waited for {:.0f} s in {}",
            ranks_.addresses[0].host_name(), first_rank_state, ranks_.rank, call.seconds,
            call.text());
  end_run_();
}

}  // namespace tokenwerk
