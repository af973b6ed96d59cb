#include "launch/supervisor/attempt.h"

#include <signal.h>

#include <chrono>
#include <regex>
#include <utility>

#include "core/log.h"
#include "core/seconds.h"
#include "launch/counted.h"
#include "launch/supervisor/child_process.h"

namespace tokenwerk {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto glance = 200ms;  // between two looks at the run
constexpr auto again = 2s;      // between two requests to stop
constexpr auto farewell = 5s;   // from SIGTERM to SIGKILL
constexpr std::size_t most_blames = 100;

class Watch {
 public:
  Watch(const Command& command, const AttemptWatch& watch, const StopSignals& stop)
      : watch_(watch),
        stop_(stop),
        before_(read_heartbeat(watch.heartbeat)),
        child_(command.arguments, command.variables,
               {STDERR_FILENO, [this](const std::string& line) { take(line); }}) {}

  AttemptEnd run() {
    for (;;) {
      const auto code = child_.wait(glance);
      look();
      if (code) return ended(*code);
      if (stop_.count() > 0) ask_to_stop();
      const bool overdue =
          asked_at_ && (stop_.count() > 1 || seconds_since(*asked_at_) > watch_.grace_seconds);
      end_.silent_seconds = seconds_since(heard_at_);
      end_.hung = end_.silent_seconds > watch_.hang_seconds;
      // What ranks still write when the end wakes them up is not what they were found at.
      if (overdue || end_.hung) return ended(kill());
    }
  }

 private:
  void take(const std::string& line) {
    std::fprintf(stderr, "%s\n", line.c_str());
    if (line.starts_with("-----")) reported_ = true;  // mpirun's report on the end
    if (!reported_ && !line.empty()) end_.last_words = line;
    if (const auto blame = blame_of(line); blame && end_.blames.size() < most_blames)
      end_.blames.push_back(*blame);
  }

  /// The last one of this attempt. What a launch before has left there is of none: removed, it
  /// would lose its room on a full disk.
  [[nodiscard]] std::optional<Heartbeat> sign_of_life() const {
    auto now = read_heartbeat(watch_.heartbeat);
    const bool ours = now && now->attempt == watch_.number && now != before_;
    return ours ? std::move(now) : std::nullopt;
  }

  void look() {
    const auto now = sign_of_life();
    if (!now || now == end_.last) return;
    // A step of this attempt, not one that it has loaded.
    const bool loaded = end_.last && end_.last->phase != loading_phase;
    const bool stepped = loaded && now->step > end_.last->step;
    if (stepped && !std::exchange(has_stepped_, true)) watch_.first_step();
    end_.last = now;
    heard_at_ = Clock::now();
  }

  /// Again and again: what the starter gets before it has started the ranks is lost.
  void ask_to_stop() {
    if (!asked_at_) {
      asked_at_ = Clock::now();
      end_.stopped = true;
      log_info("asked to stop: the run saves and ends, within {:.0f} s", watch_.grace_seconds);
    } else if (Clock::now() - told_at_ < again) {
      return;
    }
    told_at_ = Clock::now();
    child_.send(SIGUSR1);
  }

  /// mpirun that waits for a host behind a cut link does not even hear SIGTERM.
  int kill() {
    child_.send_to_group(SIGTERM);
    const auto start = Clock::now();
    while (Clock::now() - start < farewell)
      if (const auto code = child_.wait(glance)) return *code;
    child_.send_to_group(SIGKILL);
    for (;;)
      if (const auto code = child_.wait(glance)) return *code;
  }

  AttemptEnd ended(int code) {
    end_.exit_code = code;
    const auto last = sign_of_life();
    end_.done = last && last->phase == done_phase;
    end_.seconds = seconds_since(started_at_);
    return std::move(end_);
  }

  const AttemptWatch& watch_;
  const StopSignals& stop_;
  std::optional<Heartbeat> before_;  ///< as it stood when this began
  AttemptEnd end_;
  bool has_stepped_ = false, reported_ = false;
  Clock::time_point started_at_ = Clock::now(), heard_at_ = started_at_;
  std::optional<Clock::time_point> asked_at_;
  Clock::time_point told_at_;
  ChildProcess child_;
};

}  // namespace

std::optional<Blame> blame_of(const std::string& line) {
  static const std::regex of_mpirun(R"(process rank (\d+) with PID \d+ on node (\S+) exited.*)");
  static const std::regex of_exit(R"(Process name: \[\[\d+,\d+\],(\d+)\])");
  static const std::regex of_lost_host(R"(Remote daemon: .* on node (\S+).*)");
  static const std::regex of_srun(R"(srun: error: (\S+): tasks? (\d+).*)");
  static const std::regex of_rank(R"(rank (\d+) host (\S+): .*)");
  std::smatch found;
  if (std::regex_search(line, found, of_lost_host)) return Blame{line, found[1], std::nullopt};
  if (std::regex_search(line, found, of_exit)) {
    const auto rank = number_of<Index>(found[1]);
    return Blame{fmt::format("rank {} ended first, with an exit code", found[1].str()), "", rank};
  }
  if (std::regex_search(line, found, of_srun))
    return Blame{line, found[1], number_of<Index>(found[2])};
  if (std::regex_search(line, found, of_mpirun) || std::regex_search(line, found, of_rank))
    return Blame{line, found[2], number_of<Index>(found[1])};
  return std::nullopt;
}

AttemptEnd run_attempt(const Command& command, const AttemptWatch& watch, const StopSignals& stop) {
  return Watch(command, watch, stop).run();
}

}  // namespace tokenwerk
