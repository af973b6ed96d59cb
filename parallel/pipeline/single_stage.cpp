#include "parallel/pipeline/single_stage.h"

#include <algorithm>
#include <numeric>

namespace tokenwerk {
namespace {

/// The schedule with every stage's program made by `program(stage)`.
template <typename Program>
PipelineSchedule one_stage_a_rank(const ScheduleShape& shape, Program&& program) {
  PipelineSchedule schedule{
      .name = {},
      .microbatches = shape.microbatches,
      .rank_of_stage = std::vector<int>(static_cast<std::size_t>(shape.ranks)),
      .program = {}};
  std::iota(schedule.rank_of_stage.begin(), schedule.rank_of_stage.end(), 0);
  for (int stage = 0; stage < shape.ranks; ++stage) schedule.program.push_back(program(stage));
  return schedule;
}

/// Forwards that a stage runs before its first backward arrives, less the one just before it.
int warmup(const ScheduleShape& shape, int stage) {
  return std::min(shape.microbatches, shape.ranks - 1 - stage);
}

std::vector<Action> forwards(int stage, int count) {
  std::vector<Action> program(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) at(program, i) = {stage, Work::forward, i};
  return program;
}

}  // namespace

PipelineSchedule make_gpipe(const ScheduleShape& shape) {
  return one_stage_a_rank(shape, [&](int stage) {
    std::vector<Action> program;
    for (const Work work : {Work::forward, Work::backward})
      for (int i = 0; i < shape.microbatches; ++i) program.push_back({stage, work, i});
    return program;
  });
}

PipelineSchedule make_1f1b(const ScheduleShape& shape) {
  return one_stage_a_rank(shape, [&](int stage) {
    const int ahead = warmup(shape, stage);
    std::vector<Action> program = forwards(stage, ahead);
    for (int i = 0; i < shape.microbatches; ++i) {
      if (i + ahead < shape.microbatches) program.push_back({stage, Work::forward, i + ahead});
      program.push_back({stage, Work::backward, i});
    }
    return program;
  });
}

/// A stage runs P - 1 - r forwards ahead and keeps r weight gradients back: P micro-batches in all,
/// as many as the first stage of 1F1B.
PipelineSchedule make_zb_h1(const ScheduleShape& shape) {
  return one_stage_a_rank(shape, [&](int stage) {
    const int ahead = warmup(shape, stage), late = stage;
    std::vector<Action> program = forwards(stage, ahead);
    for (int i = 0; i < shape.microbatches + late; ++i) {
      if (i + ahead < shape.microbatches) program.push_back({stage, Work::forward, i + ahead});
      if (i < shape.microbatches) program.push_back({stage, Work::backward_input, i});
      if (i >= late) program.push_back({stage, Work::backward_weight, i - late});
    }
    return program;
  });
}

}  // namespace tokenwerk
