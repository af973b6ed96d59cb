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

#include "core/fault_list.h"
#include "parallel/pipeline/schedule.h"

namespace tokenwerk {

/// Reads back as an equal schedule.
[[nodiscard]] std::string text_of(const PipelineSchedule& schedule);

/// The schedule that a text writes, under this name. Only the form is checked here: `validate` says
/// whether the schedule is sound. Throws ScheduleError with the faults of
/// `parse_schedule`, each on a line.
[[nodiscard]] PipelineSchedule read_schedule(std::string_view text, const std::string& name);

/// A schedule, or what is wrong with its text.
struct ParsedSchedule {
  PipelineSchedule schedule;
  FaultList faults;
};

/// The same for those who have more faults to report: each says name, line, column, what is wrong,
/// what would be right, in printable letters whatever the text.
[[nodiscard]] ParsedSchedule parse_schedule(std::string_view text, const std::string& name);

}  // namespace tokenwerk
