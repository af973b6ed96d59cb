#include "parallel/comm/hang_watchdog.h"

#include <algorithm>

#include "core/log.h"

namespace tokenwerk {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr Seconds turn_to_speak(0.2);  // without a first rank they speak one after the other
constexpr int most_turns = 50;
constexpr int most_silences = 2;  // a first rank that is flooded may miss one message

constexpr const char* ledger_question = "ledger";
constexpr const char* overdue_message = "overdue";
constexpr const char* judging_answer = "judging";

}  // namespace

HangWatchdog::HangWatchdog(const Ledger& ledger, std::unique_ptr<SideChannel> channel, Ranks ranks,
                           double seconds, std::function<void()> end_run, Times times)
    : ledger_(ledger),
      ranks_(std::move(ranks)),
      limit_(seconds),
      end_run_(std::move(end_run)),
      times_(times),
      at_work_at_(Clock::now() - std::chrono::duration_cast<Clock::duration>(times.again)),
      channel_(std::move(channel)) {
  channel_->serve(ranks_.secret, [this](const std::string& question) { return answer(question); });
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

std::string HangWatchdog::answer(const std::string& question) {
  if (question == overdue_message) {
    told_ = true;
    return judging_ ? judging_answer : "taken";
  }
  if (question != ledger_question) return {};
  at_work_at_ = Clock::now();
  return to_text(report_of(ledger_));
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
    tell_at_.reset();
    told_at_.reset();
    silences_ = 0;
  }
}

std::vector<RankStanding> HangWatchdog::standings() const {
  std::vector<RankStanding> out;
  for (const SideAddress& address : ranks_.addresses)
    out.push_back({address.host_name(), std::nullopt});
  out[0].report = report_of(ledger_);
  const std::vector<SideAddress> others(ranks_.addresses.begin() + 1, ranks_.addresses.end());
  const std::vector<std::string> answers =
      ask(others, ranks_.secret, ledger_question, times_.answer);
  for (std::size_t i = 0; i < answers.size(); ++i)
    out[i + 1].report = read_ledger_report(answers[i]);
  return out;
}

void HangWatchdog::judge() {
  judging_ = true;
  const std::vector<RankStanding> standings = this->standings();
  const bool hangs = any_waits(standings, limit_.count());
  const std::vector<std::string> lines =
      hangs ? explain_hang(standings) : std::vector<std::string>();
  judging_ = false;
  if (!hangs) {
    log_warning("a rank had waited for more than {:g} s, but goes on now", limit_.count());
    return;
  }
  log_error("ranks have waited longer than training.watchdog_seconds = {:g}: the run ends",
            limit_.count());
  for (const std::string& line : lines) log_error("{}", line);
  end_run_();
}

bool HangWatchdog::first_rank_is_at_work() const {
  return Clock::now() - at_work_at_.load() < times_.again;
}

void HangWatchdog::report(const std::stop_token& stop) {
  const auto now = Clock::now();
  const auto later = [now](Seconds time) {
    return now + std::chrono::duration_cast<Clock::duration>(time);
  };
  const bool at_work = first_rank_is_at_work();
  if (!tell_at_ || at_work) tell_at_ = later(times_.turn * ranks_.turn);
  if (at_work) {
    told_at_.reset();
    silences_ = 0;
    return;
  }
  if (now < *tell_at_) return;
  const std::string answer =
      ask({ranks_.addresses[0]}, ranks_.secret, overdue_message, times_.answer)[0];
  if (answer.empty()) {
    if (++silences_ >= most_silences)
      speak_alone(stop, "gives no answer (stopped, dead or cut off)");
    return;
  }
  silences_ = 0;
  tell_at_ = later(times_.again);
  if (answer == judging_answer) {
    at_work_at_ = Clock::now();
  } else if (!told_at_) {
    told_at_ = now;
  } else if (now - *told_at_ > times_.verdict) {
    speak_alone(stop, "was told of a hang and has not ended the run");
  }
}

void HangWatchdog::speak_alone(const std::stop_token& stop, std::string_view first_rank_state) {
  // The first to speak ends all.
  if (!rest(stop, turn_to_speak * std::clamp(ranks_.turn - 1, 0, most_turns))) return;
  const LedgerReport own = report_of(ledger_);
  if (own.at_hand.empty() || first_rank_is_at_work()) return;
  const ReportedCall& call = own.at_hand.front();
  log_error("rank 0 host {}: {}; rank {} has waited for {:.0f} s in {}",
            ranks_.addresses[0].host_name(), first_rank_state, ranks_.rank, call.seconds,
            call.text());
  end_run_();
}

}  // namespace tokenwerk
