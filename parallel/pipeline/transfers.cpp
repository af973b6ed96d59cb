#include "parallel/pipeline/transfers.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"

namespace tokenwerk {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// What the action waits for, seen from its rank.
std::optional<Message> input_of(const PipelineSchedule& s, const Action& action) {
  const std::optional<Result> needed = needs_of(action, s.stages()).neighbour;
  if (!needed) return std::nullopt;
  return Message{*needed, s.rank_of_stage[at(needed->stage)]};
}

/// What it gives, seen from its rank. An activation that nobody's backward follows is sent too.
std::optional<Message> output_of(const PipelineSchedule& s, const Action& action) {
  const std::optional<Result> made = result_of(action);
  const int reader = made ? reader_of(*made, s.stages()) : -1;
  if (reader < 0) return std::nullopt;
  return Message{*made, s.rank_of_stage[at(reader)]};
}

/// Plays the schedule in an order that its messages allow and keeps for every rank how many actions
/// of every other one it knows to be done: vector clocks (Mattern 1989, "Virtual time and global
/// states of distributed systems").
class Clocks {
 public:
  Clocks(const PipelineSchedule& schedule, int rank)
      : schedule_(schedule),
        rank_(rank),
        done_(at(schedule.ranks()), std::vector<int>(at(schedule.ranks()), 0)) {
    for (int r = 0; r < schedule.ranks(); ++r) {
      const auto& program = schedule.program[at(r)];
      for (std::size_t i = 0; i < program.size(); ++i)
        if (const auto m = input_of(schedule, program[i]))
          consumed_at_[m->result] = static_cast<int>(i);
    }
  }

  /// What an action of the rank finds out when its input has come.
  struct Known {
    std::vector<Message> arrived;  ///< which of the rank's sends have
    int own = 0;  ///< how many actions of the rank itself must be done before the input is sent
  };

  /// For each action of the rank.
  std::vector<Known> play() {
    std::vector<Known> known(schedule_.program[at(rank_)].size());
    bool moved = true;
    while (moved) {
      moved = false;
      for (int r = 0; r < schedule_.ranks(); ++r)
        while (step(r, known)) moved = true;
    }
    return known;
  }

 private:
  bool step(int r, std::vector<Known>& known) {
    const auto& program = schedule_.program[at(r)];
    const int place = done_[at(r)][at(r)];
    if (at(place) == program.size()) return false;
    const Action& action = program[at(place)];
    if (const auto m = input_of(schedule_, action)) {
      const auto sent = clock_at_send_.find(m->result);
      if (sent == clock_at_send_.end()) return false;
      if (r == rank_) known[at(place)].own = sent->second[at(rank_)];
      for (std::size_t i = 0; i < sent->second.size(); ++i)
        done_[at(r)][i] = std::max(done_[at(r)][i], sent->second[i]);
      clock_at_send_.erase(sent);
    }
    if (r == rank_) known[at(place)].arrived = take_arrived();
    ++done_[at(r)][at(r)];
    if (const auto m = output_of(schedule_, action)) {
      clock_at_send_[m->result] = done_[at(r)];
      if (r == rank_ && m->peer != rank_) sent_.push_back(*m);
    }
    return true;
  }

  std::vector<Message> take_arrived() {
    const auto has_arrived = [&](const Message& m) {
      const auto found = consumed_at_.find(m.result);
      return found != consumed_at_.end() && done_[at(rank_)][at(m.peer)] > found->second;
    };
    const auto kept = std::stable_partition(sent_.begin(), sent_.end(),
                                            [&](const Message& m) { return !has_arrived(m); });
    std::vector<Message> arrived(kept, sent_.end());
    sent_.erase(kept, sent_.end());
    return arrived;
  }

  const PipelineSchedule& schedule_;
  int rank_;
  std::vector<std::vector<int>> done_;
  std::map<Result, int> consumed_at_;  ///< place in the receiver's program
  std::map<Result, std::vector<int>> clock_at_send_;
  std::vector<Message> sent_;  ///< by the rank, not known to have arrived
};

/// What each peer sends to the rank, in its order.
std::map<int, std::vector<Message>> incoming(const PipelineSchedule& s, int rank) {
  std::map<int, std::vector<Message>> queues;
  for (int peer = 0; peer < s.ranks(); ++peer) {
    if (peer == rank) continue;
    for (const Action& action : s.program[at(peer)]) {
      const std::optional<Message> sent = output_of(s, action);
      if (sent && sent->peer == rank) queues[peer].push_back({sent->result, peer});
    }
  }
  return queues;
}

}  // namespace

std::vector<Link> links_of(const PipelineSchedule& schedule) {
  std::set<Link> links;
  for (int rank = 0; rank < schedule.ranks(); ++rank)
    for (const Action& action : schedule.program[at(rank)])
      if (const auto sent = output_of(schedule, action); sent && sent->peer != rank)
        links.insert({rank, sent->peer});
  return {links.begin(), links.end()};
}

std::vector<ActionTransfers> transfers_of(const PipelineSchedule& schedule, int rank) {
  const auto& program = schedule.program[at(rank)];
  std::vector<ActionTransfers> out(program.size());
  const std::vector<Clocks::Known> known = Clocks(schedule, rank).play();
  std::map<int, std::vector<Message>> queues = incoming(schedule, rank);
  std::map<int, std::size_t> posted;
  /// Everything that a peer sends up to this message is posted by the time of this action.
  const auto post_until = [&](const Message& wanted, std::vector<Message>& post) {
    const std::vector<Message>& queue = queues[wanted.peer];
    const auto found = std::ranges::find(queue, wanted);
    TW_CHECK(found != queue.end(), "no rank sends what stage ", wanted.result.stage,
             " should give");
    for (std::size_t& next = posted[wanted.peer];
         queue.begin() + static_cast<std::ptrdiff_t>(next) <= found; ++next)
      post.push_back(queue[next]);
  };
  for (std::size_t i = 0; i < program.size(); ++i) {
    out[i].input = input_of(schedule, program[i]);
    out[i].output = output_of(schedule, program[i]);
    out[i].arrived = known[i].arrived;
    for (std::size_t near = i; near < std::min(i + 2, program.size()); ++near) {
      const auto m = input_of(schedule, program[near]);
      if (m && m->peer != rank && at(known[near].own) <= i) post_until(*m, out[i].post);
    }
  }
  return out;
}

}  // namespace tokenwerk
