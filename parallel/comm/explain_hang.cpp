/// Who is to blame for a hang: the ranks that others wait for and that wait for nobody themselves.

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "parallel/comm/ledger_report.h"

namespace tokenwerk {
namespace {

constexpr std::size_t most_lines = 16;  // of each kind

/// Lines of one kind, of which the first ones are shown.
void append(std::vector<std::string>& out, const std::vector<std::string>& lines,
            std::string_view of_what) {
  const std::size_t shown = std::min(lines.size(), most_lines);
  out.insert(out.end(), lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(shown));
  if (shown < lines.size())
    out.push_back(fmt::format("... and {} more {}", lines.size() - shown, of_what));
}

/// "rank 2 calls", "ranks 0-1 call".
std::string subject(const std::vector<int>& ranks, std::string_view verb_of_one,
                    std::string_view verb) {
  const bool one = ranks.size() == 1;
  return fmt::format("{} {} {}", one ? "rank" : "ranks", text_of_ranks(ranks),
                     one ? verb_of_one : verb);
}

class Hang {
 public:
  explicit Hang(const std::vector<RankStanding>& ranks) : ranks_(ranks) {
    for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
      if (!standing(rank).report) continue;
      for (const ReportedCall& call : standing(rank).report->at_hand) note(call, rank);
    }
  }

  [[nodiscard]] std::vector<std::string> explain() const {
    std::vector<std::string> out;
    const std::vector<std::string> different = mismatches();
    append(out, blames(different.empty() ? Blame::anyone : Blame::idle), "ranks");
    append(out, different, "calls that do not match");
    append(out, waits(), "waiting calls");
    return out;
  }

 private:
  enum class Blame { idle, anyone };

  /// Who waits in a call.
  struct Wait {
    ReportedCall call;
    std::vector<int> ranks;
    double seconds = 0;
  };

  [[nodiscard]] const RankStanding& standing(int rank) const {
    return ranks_[static_cast<std::size_t>(rank)];
  }
  [[nodiscard]] bool waits_itself(int rank) const {
    return standing(rank).report && !standing(rank).report->at_hand.empty();
  }

  void note(const ReportedCall& call, int rank) {
    const auto found = std::ranges::find_if(waits_, [&](const Wait& wait) {
      const ReportedCall& other = wait.call;
      return std::tie(other.communicator, other.group, other.number, other.what, other.site) ==
             std::tie(call.communicator, call.group, call.number, call.what, call.site);
    });
    Wait& wait = found == waits_.end() ? waits_.emplace_back(Wait{call, {}, 0}) : *found;
    wait.ranks.push_back(rank);
    wait.seconds = std::max(wait.seconds, call.seconds);
  }

  /// Whether the rank has not made a call that others wait in.
  [[nodiscard]] bool is_missing(int rank, const ReportedCall& call) const {
    if (!standing(rank).report) return true;
    if (!call.peers.empty()) return !waits_itself(rank);
    return std::ranges::none_of(standing(rank).report->latest, [&](const ReportedCall& own) {
      return own.communicator == call.communicator && own.number >= call.number;
    });
  }

  [[nodiscard]] std::vector<int> missing_in(const ReportedCall& call) const {
    std::vector<int> out;
    const int most = static_cast<int>(ranks_.size());
    const auto look = [&](int rank) {
      if (0 <= rank && rank < most && is_missing(rank, call)) out.push_back(rank);
    };
    if (call.peers.empty())
      for (int place = 0; place < call.group.size; ++place) look(call.group.rank_at(place));
    for (const int peer : call.peers) look(peer);
    return out;
  }

  /// Ranks without an answer, and those that are missing; ranks that wait elsewhere only where they
  /// may be named and there is nobody else.
  [[nodiscard]] std::vector<std::string> blames(Blame whom) const {
    std::map<int, const Wait*> first_wait;  // that the rank is missing in
    for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank)
      if (!standing(rank).report) first_wait[rank] = nullptr;
    for (const Wait& wait : waits_)
      for (const int rank : missing_in(wait.call)) {
        const Wait*& known = first_wait.try_emplace(rank, nullptr).first->second;
        if (known == nullptr) known = &wait;
      }
    const bool all_wait =
        whom == Blame::anyone && std::ranges::all_of(first_wait, [&](const auto& entry) {
          return waits_itself(entry.first);
        });
    std::vector<std::string> out;
    for (const auto& [rank, wait] : first_wait)
      if (all_wait || !waits_itself(rank)) out.push_back(blame(rank, wait));
    return out;
  }

  [[nodiscard]] std::string blame(int rank, const Wait* wait) const {
    const RankStanding& standing = this->standing(rank);
    const std::string name = fmt::format("rank {} host {}", rank, standing.host);
    const std::string state =
        !standing.report     ? "gives no answer (stopped, dead or cut off)"
        : waits_itself(rank) ? "waits elsewhere"
        : standing.report->latest.empty()
            ? "answers, but waits for nobody (computes, reads or writes)"
            : "answers, but waits for nobody (computes, reads or writes since its " +
                  standing.report->latest.back().text() + ")";
    if (wait == nullptr) return fmt::format("{}: {}", name, state);
    return fmt::format("{}: has not come to {}; it {}", name, wait->call.text(), state);
  }

  /// Calls of one number that differ among the ranks of a communicator, which is one of several
  /// groups along an axis.
  [[nodiscard]] std::vector<std::string> mismatches() const {
    std::set<std::tuple<int, RankGroup, Index>> seen;
    std::vector<std::string> out;
    for (const Wait& wait : waits_) {
      const ReportedCall& call = wait.call;
      if (!call.peers.empty()) continue;
      if (!seen.insert({call.communicator, call.group, call.number}).second) continue;
      const auto variants = variants_of(call);
      if (variants.size() < 2) continue;
      std::string line =
          fmt::format("calls do not match over {} ({}), number {}:", name_of(call.axis),
                      text_of(call.group), call.number);
      for (const auto& [what, ranks] : variants)
        line += fmt::format("{} {} {}", &what == &variants.begin()->first ? "" : ";",
                            subject(ranks, "calls", "call"), what);
      out.push_back(line);
    }
    return out;
  }

  /// What the members made of the call of this number: each in words with a site of one of them.
  [[nodiscard]] std::map<std::string, std::vector<int>> variants_of(
      const ReportedCall& call) const {
    std::map<std::string, std::string> site_of;
    std::map<std::string, std::vector<int>> out;
    const int most = static_cast<int>(ranks_.size());
    for (int place = 0; place < call.group.size; ++place) {
      const int rank = call.group.rank_at(place);
      if (rank < 0 || rank >= most || !standing(rank).report) continue;
      for (const ReportedCall& own : standing(rank).report->latest) {
        if (own.communicator != call.communicator || own.number != call.number) continue;
        if (own.group != call.group) continue;
        const std::string& site = site_of.try_emplace(own.what, own.site).first->second;
        out[fmt::format("{} at {}", own.what, site)].push_back(rank);
      }
    }
    return out;
  }

  [[nodiscard]] std::vector<std::string> waits() const {
    std::vector<std::string> out;
    for (const Wait& wait : waits_)
      out.push_back(fmt::format("waiting for {:.0f} s: {} in {}", wait.seconds,
                                subject(wait.ranks, "waits", "wait"), wait.call.text()));
    return out;
  }

  const std::vector<RankStanding>& ranks_;
  std::vector<Wait> waits_;
};

}  // namespace

std::vector<std::string> explain_hang(const std::vector<RankStanding>& ranks) {
  return Hang(ranks).explain();
}

}  // namespace tokenwerk
