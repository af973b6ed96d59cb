#include "parallel/pipeline/coverage.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <functional>

namespace tokenwerk {
namespace {

using Faults = std::vector<std::string>;

template <typename Visit>
void for_each_action(const PipelineSchedule& schedule, Visit&& visit) {
  for (int rank = 0; rank < schedule.ranks(); ++rank)
    for (int place = 0; place < static_cast<int>(at(schedule.program, rank).size()); ++place)
      visit(rank, place, at(at(schedule.program, rank), place));
}

void check_ranks(const PipelineSchedule& schedule, Faults& faults) {
  const int ranks = schedule.ranks();
  for (int stage = 0; stage < schedule.stages(); ++stage) {
    const int rank = at(schedule.rank_of_stage, stage);
    if (rank < 0 || rank >= ranks)
      faults.push_back(fmt::format("stage {} has no rank: ranks are 0 to {}", stage, ranks - 1));
  }
  for (int rank = 0; rank < ranks; ++rank)
    if (std::ranges::count(schedule.rank_of_stage, rank) == 0)
      faults.push_back(fmt::format("rank {} has no stage", rank));
}

void check_numbers(const PipelineSchedule& schedule, Faults& faults) {
  for_each_action(schedule, [&](int rank, int place, const Action& action) {
    const auto check = [&](const char* what, int number, int count) {
      if (number < 0 || number >= count)
        faults.push_back(fmt::format("{}: {} {} does not exist, there are {}",
                                     place_text(schedule, rank, place), what, number, count));
    };
    check("stage", action.stage, schedule.stages());
    check("micro-batch", action.microbatch, schedule.microbatches);
  });
}

/// Refuses what would need more table than there is program: a slip in one number, most likely.
void check_size(const PipelineSchedule& schedule, Faults& faults) {
  std::int64_t actions = 0;
  std::string largest_stage = "none", largest_microbatch = "none";
  Action largest{-1, {}, -1};
  for_each_action(schedule, [&](int rank, int place, const Action& action) {
    ++actions;
    if (action.stage > largest.stage) largest_stage = place_text(schedule, rank, place);
    if (action.microbatch > largest.microbatch)
      largest_microbatch = place_text(schedule, rank, place);
    largest.stage = std::max(largest.stage, action.stage);
    largest.microbatch = std::max(largest.microbatch, action.microbatch);
  });
  const std::int64_t cells = std::int64_t{schedule.stages()} * schedule.microbatches;
  if (cells > actions)
    faults.push_back(fmt::format(
        "{} stages and {} micro-batches need {} actions or more, the programs hold {}; largest "
        "stage: {}, largest micro-batch: {}",
        schedule.stages(), schedule.microbatches, 2 * cells, actions, largest_stage,
        largest_microbatch));
}

/// Where each kind of work on one micro-batch in one stage stands first.
struct Cell {
  struct Place {
    int rank = -1, index = -1;
  };
  std::array<Place, 4> first;

  [[nodiscard]] Place& operator[](Work work) { return first[static_cast<std::size_t>(work)]; }
  [[nodiscard]] bool has(Work work) const {
    return first[static_cast<std::size_t>(work)].rank >= 0;
  }
};

class CellTable {
 public:
  CellTable(const PipelineSchedule& schedule, Faults& faults)
      : schedule_(schedule),
        faults_(faults),
        cells_(static_cast<std::size_t>(schedule.stages()) *
               static_cast<std::size_t>(schedule.microbatches)) {}

  void add(int rank, int place, const Action& action) {
    const int owner = at(schedule_.rank_of_stage, action.stage);
    if (rank != owner)
      faults_.push_back(fmt::format("{}: stage {} belongs to rank {}",
                                    place_text(schedule_, rank, place), action.stage, owner));
    Cell::Place& first = cell(action.stage, action.microbatch)[action.work];
    if (first.rank < 0) {
      first = {rank, place};
    } else {
      faults_.push_back(fmt::format("{} doubles rank {}, action {}",
                                    place_text(schedule_, rank, place), first.rank,
                                    first.index + 1));
    }
  }

  void check(int stage, int microbatch) {
    Cell& found = cell(stage, microbatch);
    const auto missing = [&](Work work, const char* remark) {
      faults_.push_back(fmt::format("rank {}: {} is missing{}", at(schedule_.rank_of_stage, stage),
                                    text_of({stage, work, microbatch}), remark));
    };
    if (!found.has(Work::forward)) missing(Work::forward, "");
    const bool input = found.has(Work::backward_input), weight = found.has(Work::backward_weight);
    if (!found.has(Work::backward)) {
      if (!input && !weight) return missing(Work::backward, " (or I and W in its place)");
      if (!input) missing(Work::backward_input, "");
      if (!weight) missing(Work::backward_weight, "");
      return;
    }
    const Cell::Place whole = found[Work::backward];
    for (const Work work : {Work::backward_input, Work::backward_weight})
      if (const Cell::Place part = found[work]; part.rank >= 0)
        faults_.push_back(fmt::format("{} doubles a part of {}",
                                      place_text(schedule_, part.rank, part.index),
                                      place_text(schedule_, whole.rank, whole.index)));
  }

 private:
  [[nodiscard]] Cell& cell(int stage, int microbatch) {
    return cells_[static_cast<std::size_t>(stage) *
                      static_cast<std::size_t>(schedule_.microbatches) +
                  static_cast<std::size_t>(microbatch)];
  }

  const PipelineSchedule& schedule_;
  Faults& faults_;
  std::vector<Cell> cells_;
};

}  // namespace

std::string place_text(const PipelineSchedule& schedule, int rank, int place) {
  return fmt::format("rank {}, action {} ({})", rank, place + 1,
                     text_of(at(at(schedule.program, rank), place)));
}

std::vector<std::string> number_faults(const PipelineSchedule& schedule) {
  if (schedule.ranks() == 0 || schedule.stages() == 0 || schedule.microbatches < 1)
    return {"a schedule needs a rank, a stage and a micro-batch at least"};
  Faults faults;
  check_ranks(schedule, faults);
  check_numbers(schedule, faults);
  if (faults.empty()) check_size(schedule, faults);
  return faults;
}

bool is_well_placed(const PipelineSchedule& schedule) {
  bool all = true;
  for_each_action(schedule, [&](int rank, int, const Action& action) {
    all = all && at(schedule.rank_of_stage, action.stage) == rank;
  });
  return all;
}

std::vector<std::string> coverage_faults(const PipelineSchedule& schedule) {
  Faults faults;
  CellTable table(schedule, faults);
  for_each_action(schedule, std::bind_front(&CellTable::add, &table));
  for (int stage = 0; stage < schedule.stages(); ++stage)
    for (int i = 0; i < schedule.microbatches; ++i) table.check(stage, i);
  return faults;
}

}  // namespace tokenwerk
