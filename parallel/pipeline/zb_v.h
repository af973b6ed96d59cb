#pragma once
/// The zero-bubble schedule with two stages a rank in the shape of a V. For generators.cpp, which
/// checks the shape.

#include "parallel/pipeline/generators.h"

namespace tokenwerk {

/// Rank r holds stages r and 2P-1-r, so that the rank that begins a micro-batch also ends it. Qi et
/// al., "Zero Bubble Pipeline Parallelism", 2023, arXiv:2401.10241 (ZB-V), and "Pipeline
/// Parallelism with Controllable Memory", 2024, arXiv:2405.15362 (V-ZB). A rank never holds more
/// than 2P half stages from forward to weight gradient, the memory of 1F1B. With equal costs of F,
/// I and W and 2P-1 micro-batches or more no rank idles between its first and its last action.
[[nodiscard]] PipelineSchedule make_zb_v(const ScheduleShape& shape);

}  // namespace tokenwerk
