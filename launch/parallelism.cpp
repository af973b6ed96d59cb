#include "launch/parallelism.h"

#include <algorithm>

namespace tokenwerk {
namespace {

Recompute recompute_of(const std::string& text) {
  if (text == "selective") return Recompute::selective;
  return text == "full" ? Recompute::full : Recompute::none;
}

/// Ranks of the tensor axis that hold the same kv head.
Index kv_copies(const Recipe& recipe, const ModelConfig& config) {
  return std::max<Index>(1, recipe.parallel.tensor / config.kv_heads);
}

/// The mesh whose tensor axis joins the ranks that hold the same kv head.
Mesh copies_mesh(const Mesh& mesh, Index copies) {
  MeshShape shape = mesh.shape();
  shape.tensor = copies;
  shape.expert *= mesh.shape().tensor / copies;
  return {shape, mesh.ranks()};
}

}  // namespace

Parallelism::Parallelism(MpiEnvironment& environment, Communicator& world, const Recipe& recipe,
                         const ModelConfig& config)
    : Parallelism(
          [&](const Mesh& mesh, Axis axis) {
            return environment.make_communicator(world.device(), mesh, axis);
          },
          world, recipe, config) {}

Parallelism::Parallelism(const MakeCommunicator& make, Communicator& world, const Recipe& recipe,
                         const ModelConfig& config)
    : mesh_(mesh_shape(recipe), world.size()),
      here_(mesh_.coordinates(world.rank())),
      zero_(static_cast<int>(recipe.parallel.zero)),
      order_(*recipe.training.reproducible ? SumOrder::fixed : SumOrder::fast),
      global_batch_(recipe.training.global_batch),
      gathered_(*recipe.parallel.zero_keep ? Gathered::until_updated : Gathered::until_used),
      schedule_(pipeline_schedule(recipe)),
      world_(&world) {
  const auto along = [&](Axis axis) { return make(mesh_, axis); };
  data_ = along(Axis::data);
  replicate_ = along(Axis::replicate);
  shard_ = along(Axis::shard);
  tensor_ = along(Axis::tensor);
  pipeline_ = along(Axis::pipeline);
  const Index copies = kv_copies(recipe, config);
  if (copies > 1) copies_ = make(copies_mesh(mesh_, copies), Axis::tensor);
  const bool sliced = *recipe.parallel.sequence && tensor_->size() > 1;
  tensor_axis_.emplace(*tensor_, sliced ? TokenLayout::sliced : TokenLayout::whole, copies_.get());
  if (tensor_->size() > 1) layers_.emplace(*tensor_axis_);

  part_.stages = stage_ranges(recipe, config);
  part_.mine.clear();
  for (int stage = 0; stage < schedule_.stages(); ++stage)
    if (schedule_.rank_of_stage[static_cast<std::size_t>(stage)] == pipeline_->rank())
      part_.mine.push_back(stage);
  part_.layers = layers_ ? &*layers_ : nullptr;
  part_.tensor = tensor_->size();
  part_.recompute = recompute_of(recipe.parallel.recompute);
  part_.sharding = {shard_->rank(), shard_->size()};
  part_.residence = zero_ == 3 && shard_->size() > 1 ? Residence::shard : Residence::whole;
}

DataAxes Parallelism::data_axes() const {
  return {data_.get(), replicate_.get(), shard_.get(), tensor_.get()};
}

PipelineSchedule Parallelism::forward_schedule(Index microbatches) const {
  PipelineSchedule forward{.name = "forward",
                           .microbatches = static_cast<int>(microbatches),
                           .rank_of_stage = schedule_.rank_of_stage,
                           .program = std::vector<std::vector<Action>>(schedule_.program.size())};
  for (int stage = 0; stage < forward.stages(); ++stage) {
    const int rank = forward.rank_of_stage[static_cast<std::size_t>(stage)];
    for (int microbatch = 0; microbatch < forward.microbatches; ++microbatch)
      forward.program[static_cast<std::size_t>(rank)].push_back({stage, Work::forward, microbatch});
  }
  return forward;
}

PipelineSchedule Parallelism::single_schedule() const {
  PipelineSchedule schedule = forward_schedule(1);
  schedule.name = "single";
  for (int stage = schedule.stages(); stage-- > 0;) {
    const int rank = schedule.rank_of_stage[static_cast<std::size_t>(stage)];
    schedule.program[static_cast<std::size_t>(rank)].push_back({stage, Work::backward, 0});
  }
  return schedule;
}

}  // namespace tokenwerk
