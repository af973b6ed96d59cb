#pragma once
/// Which actions a schedule holds, and where: the part of `validate` that needs no playing.

#include <string>
#include <vector>

#include "parallel/pipeline/schedule.h"

namespace tokenwerk {

/// "rank 1, action 3 (1F2)": places are counted from 1 for people.
[[nodiscard]] std::string place_text(const PipelineSchedule& schedule, int rank, int place);

/// Numbers that no table can hold: stages, ranks and micro-batches that do not exist, programs far
/// too short for what they name. The other checks need a schedule without these.
[[nodiscard]] std::vector<std::string> number_faults(const PipelineSchedule& schedule);

/// Whether every action stands on the rank of its stage.
[[nodiscard]] bool is_well_placed(const PipelineSchedule& schedule);

/// Actions that are missing, doubled or on the wrong rank.
[[nodiscard]] std::vector<std::string> coverage_faults(const PipelineSchedule& schedule);

}  // namespace tokenwerk
