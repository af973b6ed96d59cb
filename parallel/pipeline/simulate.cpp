#include "parallel/pipeline/simulate.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "parallel/pipeline/coverage.h"
#include "parallel/pipeline/player.h"

namespace tokenwerk {
namespace {

double cost_of(Work work, const StageCosts& costs) {
  switch (work) {
    case Work::forward: return costs.forward;
    case Work::backward: return costs.backward;
    case Work::backward_input: return costs.backward_input;
    case Work::backward_weight: return costs.backward_weight;
  }
  TW_RAISE(Error, "no such work");
}

/// Clocks of all ranks. Actions may come in any order that respects what they need.
class Clocks {
 public:
  Clocks(const PipelineSchedule& schedule, const ScheduleCosts& costs)
      : schedule_(schedule),
        costs_(costs),
        made_at_(schedule, 0.0),
        actions_(schedule.program.size()) {}

  void run(int rank, const Action& action) {
    std::vector<ActionTime>& done = at(actions_, rank);
    double start = done.empty() ? 0.0 : done.back().end;
    const Needs needs = needs_of(action, schedule_.stages());
    if (needs.own) start = std::max(start, made_at_[*needs.own]);
    if (needs.neighbour) {
      const bool far = at(schedule_.rank_of_stage, needs.neighbour->stage) != rank;
      start = std::max(start, made_at_[*needs.neighbour] + (far ? costs_.message : 0.0));
    }
    const double end = start + cost_of(action.work, at(costs_.stages, action.stage));
    if (const auto result = result_of(action)) made_at_[*result] = end;
    done.push_back({start, end});
  }

  [[nodiscard]] std::vector<std::vector<ActionTime>> take() { return std::move(actions_); }

 private:
  const PipelineSchedule& schedule_;
  const ScheduleCosts& costs_;
  ResultTable<double> made_at_;
  std::vector<std::vector<ActionTime>> actions_;
};

ScheduleTiming summary_of(std::vector<std::vector<ActionTime>> actions) {
  ScheduleTiming timing;
  for (const auto& rank : actions) {
    double busy = 0.0;
    for (const ActionTime& action : rank) busy += action.end - action.start;
    const double span = rank.empty() ? 0.0 : rank.back().end - rank.front().start;
    timing.busy.push_back(busy);
    timing.waiting.push_back(span - busy);
    if (!rank.empty()) timing.makespan = std::max(timing.makespan, rank.back().end);
  }
  for (const double busy : timing.busy) timing.idle.push_back(timing.makespan - busy);
  const double all = timing.makespan * static_cast<double>(timing.busy.size());
  const double idle = std::accumulate(timing.idle.begin(), timing.idle.end(), 0.0);
  timing.bubble = all > 0.0 ? idle / all : 0.0;
  timing.actions = std::move(actions);
  return timing;
}

}  // namespace

ScheduleCosts equal_costs(const PipelineSchedule& schedule, const StageCosts& costs) {
  return {.stages = std::vector<StageCosts>(schedule.rank_of_stage.size(), costs)};
}

ScheduleTiming simulate(const PipelineSchedule& schedule, const ScheduleCosts& costs) {
  TW_CHECK_AS(ScheduleError, costs.stages.size() == schedule.rank_of_stage.size(), schedule.name,
              ": costs of ", costs.stages.size(), " stages for ", schedule.stages());
  TW_CHECK_AS(ScheduleError, number_faults(schedule).empty() && is_well_placed(schedule),
              schedule.name, ": not a sound schedule");
  SchedulePlayer player(schedule);
  Clocks clocks(schedule, costs);
  player.advance([&](int rank, const Action& action) { clocks.run(rank, action); });
  for (int rank = 0; rank < schedule.ranks(); ++rank)
    TW_CHECK_AS(ScheduleError, player.ended(rank), schedule.name, ": rank ", rank,
                " waits for ever before action ", player.place(rank) + 1);
  return summary_of(clocks.take());
}

}  // namespace tokenwerk
