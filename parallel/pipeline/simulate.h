#pragma once
/// How long a schedule takes when each kind of work takes a known time.

#include <vector>

#include "parallel/pipeline/schedule.h"

namespace tokenwerk {

/// Times of one stage's work on one micro-batch, in any unit.
struct StageCosts {
  double forward = 1.0;
  double backward_input = 1.0;
  double backward_weight = 1.0;
  double backward = 2.0;  ///< both in one
};

struct ScheduleCosts {
  std::vector<StageCosts> stages;
  double message = 0.0;  ///< from the end of an action to the start of one on another rank
};

/// The same costs for every stage of a schedule.
[[nodiscard]] ScheduleCosts equal_costs(const PipelineSchedule& schedule, const StageCosts& costs);

/// When an action runs.
struct ActionTime {
  double start = 0.0;
  double end = 0.0;
};

struct ScheduleTiming {
  double makespan = 0.0;        ///< from the first start to the last end
  std::vector<double> busy;     ///< per rank
  std::vector<double> idle;     ///< per rank: makespan less busy
  std::vector<double> waiting;  ///< per rank: idle between its own first start and last end
  double bubble = 0.0;          ///< 1 - all busy time / (ranks x makespan)
  std::vector<std::vector<ActionTime>> actions;  ///< per rank, as in the program
};

/// Starts every action as soon as its rank is free and what it needs has arrived. Messages do not
/// delay each other. Throws ScheduleError for a schedule that is not sound; `validate` says why.
[[nodiscard]] ScheduleTiming simulate(const PipelineSchedule& schedule, const ScheduleCosts& costs);

}  // namespace tokenwerk
