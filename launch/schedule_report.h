#pragma once
/// What `tokenwerk schedule` prints: a schedule's text, and below it what it costs, as comments of
/// that text, so that the whole can be kept, changed and read again.

#include <string>

#include "parallel/pipeline/simulate.h"
#include "parallel/pipeline/validate.h"

namespace tokenwerk {

/// Everything about a sound schedule.
[[nodiscard]] std::string schedule_report(const PipelineSchedule& schedule,
                                          const ScheduleReport& report, const StageCosts& costs,
                                          int columns);

}  // namespace tokenwerk
