#include "parallel/pipeline/deadlock.h"

#include <fmt/core.h>

#include "parallel/pipeline/coverage.h"
#include "parallel/pipeline/player.h"

namespace tokenwerk {
namespace {

struct Place {
  int rank = -1;
  int index = -1;
};

/// Where each result is made first.
ResultTable<Place> makers_of(const PipelineSchedule& schedule) {
  ResultTable<Place> makers(schedule, Place{});
  for (int rank = schedule.ranks() - 1; rank >= 0; --rank)
    for (int i = static_cast<int>(at(schedule.program, rank).size()) - 1; i >= 0; --i)
      if (const auto result = result_of(at(at(schedule.program, rank), i)))
        makers[*result] = {rank, i};
  return makers;
}

/// For each rank the action that it waits for at the end; rank -1: none, or one that is missing.
std::vector<Place> waited_for(const PipelineSchedule& schedule, const SchedulePlayer& player) {
  const ResultTable<Place> makers = makers_of(schedule);
  std::vector<Place> places;
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    const auto missing = player.missing(rank);
    places.push_back(missing ? makers[*missing] : Place{});
  }
  return places;
}

std::string circle_text(const PipelineSchedule& schedule, const SchedulePlayer& player,
                        const std::vector<Place>& waits, int first) {
  std::string text;
  int rank = first;
  do {
    const Place& next = at(waits, rank);
    text += fmt::format("{}{} waits for {}", text.empty() ? "deadlock: " : "; ",
                        place_text(schedule, rank, player.place(rank)),
                        place_text(schedule, next.rank, next.index));
    rank = next.rank;
  } while (rank != first);
  return text;
}

}  // namespace

std::vector<std::string> deadlock_faults(const PipelineSchedule& schedule) {
  SchedulePlayer player(schedule);
  player.advance([](int, const Action&) {});
  const std::vector<Place> waits = waited_for(schedule, player);
  // Every rank waits for at most one other: walks end, or run into a circle that is new when its
  // entry was first seen in this walk.
  std::vector<std::string> faults;
  std::vector<int> seen_in_walk(schedule.program.size(), -1);
  for (int start = 0; start < schedule.ranks(); ++start) {
    int rank = start;
    while (rank >= 0 && at(seen_in_walk, rank) < 0) {
      at(seen_in_walk, rank) = start;
      rank = at(waits, rank).rank;
    }
    if (rank >= 0 && at(seen_in_walk, rank) == start)
      faults.push_back(circle_text(schedule, player, waits, rank));
  }
  return faults;
}

}  // namespace tokenwerk
