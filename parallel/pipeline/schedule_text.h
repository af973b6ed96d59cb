#pragma once
/// Schedules as text, for people to read, write and change:
///
///   # GPipe on two ranks
///   rank 0: 0F0 0F1 0B0 0B1
///   rank 1: 1F0 1F1 1B0 1B1
///
/// One line for each rank, in any order; actions separated by blanks; # begins a comment. A stage
/// belongs to the rank that runs it.

#include <string>
#include <string_view>

#include "parallel/pipeline/schedule.h"

namespace tokenwerk {

/// Reads back as an equal schedule.
[[nodiscard]] std::string text_of(const PipelineSchedule& schedule);

/// The schedule that a text writes, under this name. Only the form is checked here: `validate` says
/// whether the schedule is sound. Throws ScheduleError with every fault, each on a line: name,
/// line, column, what is wrong, what would be right.
[[nodiscard]] PipelineSchedule read_schedule(std::string_view text, const std::string& name);

}  // namespace tokenwerk
