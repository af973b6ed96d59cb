#include "launch/stragglers.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

/// Below this part of the time a rank is no straggler: what a busy machine does to even ranks.
constexpr double least_excess = 0.1;

/// Microseconds and a rank in one number that f64 holds exactly, so that the largest of all belongs
/// to the rank that waited least, the lowest of those that waited alike.
constexpr double ranks_at_most = 1 << 20;
constexpr double microseconds_at_most = 4294967295.0;  // over an hour

double key_of(double waiting, Index rank) {
  const double microseconds = std::min(std::round(waiting * 1e6), microseconds_at_most);
  return -(microseconds * ranks_at_most + static_cast<double>(rank));
}

}  // namespace

std::optional<Suspect> suspect_of(std::span<const PeerSeconds> peers, double excess_at_least) {
  std::optional<Suspect> worst;
  for (const PeerSeconds& group : peers) {
    if (group.ranks < 2 || group.whole <= 0.0) continue;
    const double whole = group.whole / static_cast<double>(group.ranks);
    const double others =
        (group.waiting - group.least_waiting) / static_cast<double>(group.ranks - 1);
    const double excess = (others - group.least_waiting) / whole;
    if (group.least_waiting >= 0.5 * others || excess < excess_at_least) continue;
    if (!worst || excess > worst->excess)
      worst = {group.least_rank, excess, group.least_waiting / whole, others / whole};
  }
  return worst;
}

bool StragglerJudge::Evidence::enough() const {
  constexpr Index least_looks = 3;
  constexpr double least_seconds = 5.0;
  return looks >= least_looks && seconds >= least_seconds;
}

StragglerJudge::News StragglerJudge::look(const std::optional<Suspect>& suspect, double seconds) {
  const Index rank = suspect ? suspect->rank : -1;
  const auto more = [seconds](Evidence evidence) {
    return Evidence{evidence.looks + 1, evidence.seconds + seconds};
  };
  for_suspect_ = rank < 0 ? Evidence() : more(rank == suspected_ ? for_suspect_ : Evidence());
  suspected_ = rank;
  const bool still = believes_ && rank == named_;
  against_named_ = still ? Evidence() : more(against_named_);
  if (!still && for_suspect_.enough()) {
    named_ = rank;
    believes_ = true;
    against_named_ = {};
    return News::named;
  }
  if (!believes_ || !against_named_.enough()) return News::none;
  believes_ = false;
  return News::over;
}

Stragglers::Stragglers(Communicator& ranks, std::string host, Index here, Index places, Index every)
    : ranks_(&ranks), host_(std::move(host)), here_(here), places_(places), every_(every) {}

void Stragglers::add(const StepSeconds& seconds) {
  ++steps_;
  whole_ += seconds.whole;
  waiting_ += seconds.waiting.value_or(0.0);
  reading_ += seconds.reading;
  known_ = known_ && seconds.waiting.has_value();
}

std::vector<PeerSeconds> Stragglers::gathered() const {
  constexpr std::size_t figures = 4;
  const auto places = static_cast<std::size_t>(places_), here = static_cast<std::size_t>(here_);
  std::vector<double> sums(places * figures), keys(places, -HUGE_VAL);
  const double mine[figures] = {1.0, whole_, waiting_, reading_};
  std::copy_n(mine, figures, sums.begin() + static_cast<std::ptrdiff_t>(here * figures));
  keys[here] = key_of(waiting_, ranks_->rank());
  all_reduce(*ranks_, sums, Reduction::sum);
  all_reduce(*ranks_, keys, Reduction::max);
  std::vector<PeerSeconds> out;
  for (std::size_t place = 0; place < places; ++place) {
    const double* const sum = &sums[place * figures];
    const double microseconds = std::floor(-keys[place] / ranks_at_most);
    out.push_back({.ranks = std::llround(sum[0]),
                   .whole = sum[1],
                   .waiting = sum[2],
                   .reading = sum[3],
                   .least_rank = static_cast<Index>(-keys[place] - microseconds * ranks_at_most),
                   .least_waiting = microseconds * 1e-6});
  }
  return out;
}

const std::string& Stragglers::after(Index step, RunLog& log) {
  if (step % every_ != 0 || steps_ == 0) return name_;
  if (known_) {
    const std::vector<PeerSeconds> peers = gathered();
    const std::optional<Suspect> suspect = suspect_of(peers, least_excess);
    const PeerSeconds& first = peers.front();
    const double seconds = first.whole / static_cast<double>(first.ranks);
    tell(judge_.look(suspect, seconds), suspect, step, log);
  }
  steps_ = 0;
  whole_ = waiting_ = reading_ = 0.0;
  known_ = true;
  return name_;
}

void Stragglers::tell(StragglerJudge::News news, const std::optional<Suspect>& suspect, Index step,
                      RunLog& log) {
  if (news == StragglerJudge::News::none) return;
  const Index rank = judge_.rank();
  RunEvent event{.name = "straggler", .step = step, .rank = rank};
  if (news == StragglerJudge::News::over) {
    event.name = "straggler_over";
    event.what = name_ + " no longer holds the others up";
    name_.clear();
  } else {
    event.host = broadcast_string(*ranks_, host_, static_cast<int>(rank));
    event.what = broadcast_string(*ranks_, spent(*suspect), static_cast<int>(rank));
    name_ = fmt::format("rank {} host {}", rank, event.host);
    event.what = fmt::format("{} holds the others up: {}", name_, event.what);
  }
  log.note(fmt::format("step {}  {}", step, event.what));
  log.event(std::move(event));
}

std::string Stragglers::spent(const Suspect& suspect) const {
  const double steps = static_cast<double>(steps_), step = whole_ / steps;
  return fmt::format(
      "a step takes {:.3f} s, of which it computes {:.3f} s, reads {:.3f} s and waits {:.3f} s, "
      "while its peers wait {:.3f} s",
      step, (whole_ - waiting_ - reading_) / steps, reading_ / steps, waiting_ / steps,
      suspect.peers_waiting * step);
}

}  // namespace tokenwerk
