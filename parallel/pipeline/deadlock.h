#pragma once
/// Who waits for whom for ever: the part of `validate` that plays the programs.

#include <string>
#include <vector>

#include "parallel/pipeline/schedule.h"

namespace tokenwerk {

/// The circles of waiting actions in which the programs end, each once. Ranks that wait for an
/// action which is in no program are not told of: that action is missing. Numbers and
/// places must be right (coverage.h).
[[nodiscard]] std::vector<std::string> deadlock_faults(const PipelineSchedule& schedule);

}  // namespace tokenwerk
