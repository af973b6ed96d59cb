#include "launch/rank_state.h"

#include <algorithm>
#include <compare>
#include <set>
#include <vector>

#include "launch/layout.h"
#include "launch/recipe_model.h"
#include "launch/train_step.h"
#include "parallel/comm/simulated_communicator.h"

namespace tokenwerk {
namespace {

Index ranks_of(const Recipe& recipe) {
  const ParallelSection& p = recipe.parallel;
  return p.data.value() * p.tensor * p.pipeline;
}

/// What decides how much a pipeline rank holds; what its blocks are called does not.
struct Load {
  Index stages = 0, blocks = 0;
  bool first = false, last = false;
  friend auto operator<=>(const Load&, const Load&) = default;
};

/// By pipeline rank.
std::vector<Load> loads_of(const Recipe& recipe, const ModelConfig& config) {
  const std::vector<BlockRange> ranges = stage_ranges(recipe, config);
  const PipelineSchedule schedule = pipeline_schedule(recipe);
  std::vector<Load> loads(static_cast<std::size_t>(schedule.ranks()));
  for (std::size_t stage = 0; stage < ranges.size(); ++stage) {
    Load& load = loads[static_cast<std::size_t>(schedule.rank_of_stage[stage])];
    ++load.stages;
    load.blocks += ranges[stage].count();
    load.first = load.first || stage == 0;
    load.last = load.last || stage + 1 == ranges.size();
  }
  return loads;
}

}  // namespace

RankState rank_state(const Recipe& recipe, const ModelConfig& config, Index rank) {
  const auto device = make_device(DeviceKind::simulated);
  const auto stream = device->make_stream();
  const MakeCommunicator make = [&](const Mesh& mesh, Axis axis) {
    return std::make_unique<SimulatedCommunicator>(
        axis, static_cast<int>(mesh.position(axis, rank)),
        static_cast<int>(mesh.shape().degree(axis)), *device);
  };
  const Mesh mesh(mesh_shape(recipe), ranks_of(recipe));
  const auto world = make(mesh, Axis::world);
  Parallelism parallelism(make, *world, recipe, config);
  Model model(*device, config, recipe.training.precision == "bf16" ? DType::bf16 : DType::f32,
              parallelism.part());
  const std::size_t weights = device->memory().current;
  auto gradients =
      make_gradient_sync({parallelism.zero(), parallelism.order(), parallelism.global_batch()},
                         *stream, parallelism.data_axes(), model.parameters(), model.units());
  const std::size_t with_gradients = device->memory().current;
  gradients.reset();
  TrainStep step(*stream, model, parallelism, adamw_options(recipe.training), nullptr);

  const auto bytes = [](const ConstTensorView& view) {
    return static_cast<std::size_t>(view ? view.count() : 0) * size_of(view.dtype);
  };
  RankState state{.rank = rank,
                  .weights = weights,
                  .gradients = with_gradients - weights,
                  .moments = bytes(step.optimizer().m()) + bytes(step.optimizer().v()),
                  .master = bytes(step.optimizer().master())};
  state.sums = device->memory().current - state.total();
  return state;
}

RankState fullest_rank(const Recipe& recipe, const ModelConfig& config) {
  const Mesh mesh(mesh_shape(recipe), ranks_of(recipe));
  const std::vector<Load> loads = loads_of(recipe, config);
  // Shares and shards are equal: along the other axes all ranks hold as much.
  RankState fullest;
  std::set<Load> seen;
  for (std::size_t place = 0; place < loads.size(); ++place) {
    if (!seen.insert(loads[place]).second) continue;
    const Index rank = mesh.rank({.pipeline = static_cast<Index>(place)});
    const RankState state = rank_state(recipe, config, rank);
    if (state.total() > fullest.total()) fullest = state;
  }
  return fullest;
}

}  // namespace tokenwerk
