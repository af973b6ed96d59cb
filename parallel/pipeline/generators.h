#pragma once
/// The schedules that Tokenwerk knows by name. README.md has the table of what each costs.

#include <cstdint>
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

/// How many stages a rank has under a schedule: what it is known for, and what it can do.
struct StagesOnRank {
  int usual = 1;
  int least = 1, most = 1;
};
/// Nothing for a name that is not known.
[[nodiscard]] std::optional<StagesOnRank> stages_on_rank(std::string_view name);

/// Stages times micro-batches of the largest schedule that is made.
[[nodiscard]] std::int64_t most_cells();

/// The schedule of that name and shape. Any number of micro-batches will do. Throws ScheduleError
/// with the nearest legal value for a name that is not known or a shape that cannot be.
[[nodiscard]] PipelineSchedule make_schedule(std::string_view name, const ScheduleShape& shape);

}  // namespace tokenwerk
