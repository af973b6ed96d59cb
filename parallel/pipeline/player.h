#pragma once
/// Plays a schedule's programs against each other as its ranks would, without any process.

#include <optional>
#include <vector>

#include "parallel/pipeline/results.h"

namespace tokenwerk {

/// Each rank runs its program in order: sends never wait, an action waits until what it needs has
/// been made. The order among ranks does not matter for who can go on. Every action must stand on
/// the rank of its stage, and its numbers must exist.
class SchedulePlayer {
 public:
  explicit SchedulePlayer(const PipelineSchedule& schedule);

  /// Puts all ranks back before their first action.
  void restart();
  /// Where the rank stands: the index of its next action.
  [[nodiscard]] int place(int rank) const { return at(place_, rank); }
  [[nodiscard]] bool ended(int rank) const {
    return place(rank) == static_cast<int>(at(moves_, rank).size());
  }
  /// What the rank's next action waits for; nothing when it can run, or at the end.
  [[nodiscard]] std::optional<Result> missing(int rank) const;
  /// Messages sent to the rank and not used yet. (A message is used when the action that needs it
  /// runs.)
  [[nodiscard]] int waiting_messages(int rank) const { return at(messages_, rank); }

  /// Runs the rank's next action, which must not miss anything.
  void step(int rank);
  /// Runs all ranks until none can go on. `visit(rank, action)` sees each action before it runs.
  /// One rank can be held back, always the same: it moves by `step` alone.
  template <typename Visit>
  void advance(Visit&& visit, int held_rank = -1);

 private:
  /// An action with its results as numbers, -1 for none: plays are long, and each action in them
  /// must be short.
  struct Move {
    int own = -1, neighbour = -1, result = -1;
    int reader = -1;  ///< the rank to which the result is sent
    bool receives = false;
  };

  [[nodiscard]] Move move_of(int rank, const Action& action) const;
  [[nodiscard]] bool made(int result) const { return result < 0 || at(made_, result) != 0; }
  [[nodiscard]] bool ready(int rank) const {
    if (ended(rank)) return false;
    const Move& move = at(at(moves_, rank), place(rank));
    return made(move.own) && made(move.neighbour);
  }

  const PipelineSchedule& schedule_;
  ResultNumbers number_;
  std::vector<std::vector<Move>> moves_;
  std::vector<int> place_;
  std::vector<int> messages_;
  std::vector<int> awake_;  ///< ranks that may be able to go on
  std::vector<std::uint8_t> made_;
};

template <typename Visit>
void SchedulePlayer::advance(Visit&& visit, int held_rank) {
  while (!awake_.empty()) {
    const int rank = awake_.back();
    awake_.pop_back();
    while (rank != held_rank && ready(rank)) {
      visit(rank, at(at(schedule_.program, rank), place(rank)));
      step(rank);
    }
  }
}

}  // namespace tokenwerk
