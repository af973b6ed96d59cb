#include "parallel/pipeline/player.h"

#include <numeric>

namespace tokenwerk {

SchedulePlayer::SchedulePlayer(const PipelineSchedule& schedule)
    : schedule_(schedule), number_(schedule), moves_(schedule.program.size()) {
  for (int rank = 0; rank < schedule.ranks(); ++rank)
    for (const Action& action : at(schedule.program, rank))
      at(moves_, rank).push_back(move_of(rank, action));
  restart();
}

void SchedulePlayer::restart() {
  place_.assign(moves_.size(), 0);
  messages_.assign(moves_.size(), 0);
  awake_.resize(moves_.size());
  std::iota(awake_.begin(), awake_.end(), 0);
  made_.assign(number_.count(), 0);
}

SchedulePlayer::Move SchedulePlayer::move_of(int rank, const Action& action) const {
  const auto number = [&](const std::optional<Result>& result) {
    return result ? static_cast<int>(number_(*result)) : -1;
  };
  const auto lies_elsewhere = [&](int stage) { return at(schedule_.rank_of_stage, stage) != rank; };
  const Needs needs = needs_of(action, schedule_.stages());
  const auto result = result_of(action);
  Move move{.own = number(needs.own),
            .neighbour = number(needs.neighbour),
            .result = number(result),
            .reader = -1,
            .receives = needs.neighbour && lies_elsewhere(needs.neighbour->stage)};
  const int reader = result ? reader_of(*result, schedule_.stages()) : -1;
  if (reader >= 0 && lies_elsewhere(reader)) move.reader = at(schedule_.rank_of_stage, reader);
  return move;
}

std::optional<Result> SchedulePlayer::missing(int rank) const {
  if (ended(rank)) return std::nullopt;
  const Needs needs = needs_of(at(at(schedule_.program, rank), place(rank)), schedule_.stages());
  for (const auto& need : {needs.own, needs.neighbour})
    if (need && made_[number_(*need)] == 0) return need;
  return std::nullopt;
}

void SchedulePlayer::step(int rank) {
  const Move& move = at(at(moves_, rank), at(place_, rank)++);
  if (move.receives) --at(messages_, rank);
  if (move.result >= 0) at(made_, move.result) = 1;
  if (move.reader < 0) return;
  ++at(messages_, move.reader);
  awake_.push_back(move.reader);
}

}  // namespace tokenwerk
