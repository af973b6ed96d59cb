#pragma once
/// Schedules with one stage on each rank. For generators.cpp, which checks the shape.

#include "parallel/pipeline/generators.h"

namespace tokenwerk {

/// All forwards, then all backwards. Huang et al., "GPipe", 2019, arXiv:1811.06965. Backwards run
/// in the forwards' order, so that gradients sum in the order of the other schedules.
[[nodiscard]] PipelineSchedule make_gpipe(const ScheduleShape& shape);

/// One forward, one backward, with a flush at the end (PipeDream-flush). Narayanan et al.,
/// "Efficient Large-Scale Language Model Training on GPU Clusters", 2021, arXiv:2104.04473.
[[nodiscard]] PipelineSchedule make_1f1b(const ScheduleShape& shape);

/// 1F1B whose backward is cut in two: rank r does its weight gradients r micro-batches late, when
/// nobody waits for it. Qi et al., "Zero Bubble Pipeline Parallelism", 2023, arXiv:2401.10241.
[[nodiscard]] PipelineSchedule make_zb_h1(const ScheduleShape& shape);

}  // namespace tokenwerk
