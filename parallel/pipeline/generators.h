#pragma once
/// The schedules that Tokenwerk knows by name. README.md has the table of what each costs.

#include <optional>
#include <string_view>
#include <vector>

#include "parallel/pipeline/schedule.h"

namespace tokenwerk {

/// What a schedule is made for.
struct ScheduleShape {
  int ranks = 1;
  int microbatches = 1;
  int virtual_stages = 0;  ///< stages on each rank; 0: what the schedule is known for (1 or 2)
};

/// gpipe, 1f1b, interleaved, zb-h1, zb-v.
[[nodiscard]] std::vector<std::string_view> schedule_names();

/// The schedule of that name and shape. Any number of micro-batches will do. Throws ScheduleError
/// with the nearest legal value for a name that is not known or a shape that cannot be.
[[nodiscard]] PipelineSchedule make_schedule(std::string_view name, const ScheduleShape& shape);

}  // namespace tokenwerk
