/// A pipeline schedule of one's own, as data: made here, proven, timed against 1F1B, and run. It is
/// 1F1B whose ranks run twice as many forwards ahead, so that messages arrive while they compute:
/// Zhuang et al. 2022 (arXiv:2211.05322), "eager 1F1B".

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "core/ops/elementwise.h"
#include "core/ops/matmul.h"
#include "core/ops/random.h"
#include "parallel/comm/control.h"
#include "parallel/comm/program.h"
#include "parallel/pipeline/generators.h"
#include "parallel/pipeline/interpreter.h"
#include "parallel/pipeline/timeline.h"
#include "parallel/pipeline/validate.h"

using namespace tokenwerk;

namespace {

constexpr Index width = 8;  // of rows and columns

PipelineSchedule make_eager(int ranks, int microbatches) {
  PipelineSchedule schedule{"eager", microbatches, {}, {}};
  for (int rank = 0; rank < ranks; ++rank) {
    schedule.rank_of_stage.push_back(rank);  // stage i on rank i
    std::vector<Action>& program = schedule.program.emplace_back();
    const int ahead = std::min(microbatches, 2 * (ranks - 1 - rank));
    for (int i = 0; i < microbatches + ahead; ++i) {
      if (i < microbatches) program.push_back({rank, Work::forward, i});
      if (i >= ahead) program.push_back({rank, Work::backward, i - ahead});
    }
  }
  return schedule;
}

/// Proves the schedule and shows what it costs when a message takes as long as a forward.
void show(const PipelineSchedule& schedule) {
  const ScheduleReport report = validate(schedule);
  TW_CHECK_AS(ScheduleError, report.faults.empty(), joined(report.faults, "\n"));
  ScheduleCosts costs = equal_costs(schedule, {});  // 1 forward, 2 backward
  costs.message = 1.0;
  const ScheduleTiming timing = simulate(schedule, costs);
  fmt::print("{}: time {}, bubble {:.2f}, activations kept {}\n{}", schedule.name, timing.makespan,
             timing.bubble, fmt::join(report.peak_activations, " "),
             timeline_text(schedule, timing));
}

/// A stage is y = x w^T. The first one makes its own x; the loss is half the sum of squares of what
/// the last one gives, so that dy = y there.
struct LinearStage final : StageWork {
  LinearStage(Stream& on, int stage) : stream(on), w(message()), dw(message()) {
    fill_normal(stream, w, {.stream = static_cast<std::uint64_t>(stage)});
    fill(stream, dw, 0.0);
  }
  Tensor message() const override { return {stream.device(), DType::f32, {width, width}}; }
  void forward(Index, Index microbatch, TensorView y, ConstTensorView x) override {
    Kept& kept = in_flight[microbatch];
    most_in_flight = std::max(most_in_flight, in_flight.size());
    if (!x) {
      x = kept.first_x = message();
      fill_normal(stream, kept.first_x, {.seed = static_cast<std::uint64_t>(microbatch)});
    }
    if (!y) y = kept.last_y = message();
    matmul(stream, y, x, w);
    kept.x = x;
  }
  void backward(Index stage, Index microbatch, TensorView dx, ConstTensorView dy,
                WeightGradients when) override {
    Kept& kept = in_flight.at(microbatch);
    kept.dy = dy ? dy : kept.last_y;
    if (dx) matmul_backward_input(stream, dx, kept.dy, w);
    if (when == WeightGradients::at_once) backward_weight(stage, microbatch);
  }
  void backward_weight(Index, Index microbatch) override {
    const Kept& kept = in_flight.at(microbatch);
    matmul_backward_weight(stream, dw, kept.dy, kept.x, {Write::accumulate});
    in_flight.erase(microbatch);
  }

  /// What one micro-batch needs from forward to backward.
  struct Kept {
    Tensor first_x, last_y;
    ConstTensorView x, dy;
  };
  Stream& stream;
  Tensor w, dw;
  std::map<Index, Kept> in_flight;
  std::size_t most_in_flight = 0;
};

int compare(MpiEnvironment& environment) {
  const auto device = make_device(DeviceKind::cpu);
  const auto stream = device->make_stream();
  const auto pipeline = environment.make_world(*device);
  const int rank = pipeline->rank(), ranks = pipeline->size();
  const PipelineSchedule usual = make_schedule("1f1b", {.ranks = ranks, .microbatches = 8});
  const PipelineSchedule eager = make_eager(ranks, 8);
  if (rank == 0) show(usual);
  if (rank == 0) show(eager);
  LinearStage a(*stream, rank), b(*stream, rank);
  PipelineInterpreter(usual, *pipeline).run(*stream, a);
  PipelineInterpreter(eager, *pipeline).run(*stream, b);
  const auto kept = gather_strings(*pipeline, fmt::format("{}", b.most_in_flight));
  const bool same =
      all_ok(*pipeline, std::memcmp(a.dw.view().data, b.dw.view().data, b.dw.bytes()) == 0);
  if (rank == 0)
    fmt::print("run: eager kept {}; gradients of both are {}\n", fmt::join(kept, " "),
               same ? "equal" : "different");
  return 0;
}

}  // namespace

int main() { return run_program(compare); }
