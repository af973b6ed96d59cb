#pragma once
/// Interleaved 1F1B. For generators.cpp, which checks the shape.

#include "parallel/pipeline/generators.h"

namespace tokenwerk {

/// 1F1B with V stages on each rank: rank r holds stages r, r + P, r + 2P ... Narayanan et al.,
/// 2021, arXiv:2104.04473, section 2.2. There micro-batches come in groups of P. Here any number
/// will do: the schedule is made for whole groups, and what belongs to micro-batches that do not
/// exist is left out. That keeps it sound, because micro-batches never wait for each other except
/// by their order on a rank, and leaving actions out of an order that works gives one that works.
[[nodiscard]] PipelineSchedule make_interleaved(const ScheduleShape& shape);

}  // namespace tokenwerk
