#include "launch/check_report.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "launch/byte_size.h"
#include "launch/counted.h"
#include "launch/layout.h"
#include "models/partition.h"
#include "parallel/pipeline/simulate.h"

namespace tokenwerk {
namespace {

std::string line(std::string_view label, const std::string& text) {
  return fmt::format("{:<10}{}\n", label, text);
}
std::string entry(std::string_view label, const std::string& text) {
  return fmt::format("  {:<16}{}\n", label, text);
}

std::string model_text(const CheckedRun& run) {
  const ModelConfig& c = run.config;
  const std::string vocabulary =
      run.vocabulary_known
          ? std::to_string(c.vocabulary)
          : fmt::format("the tokenizer's, not known here: counted as {}", c.vocabulary);
  return fmt::format("{}, {:.4g} parameters, {:.4g} FLOPs a token; {} x {} wide, vocabulary {}",
                     name_of(c.family), static_cast<double>(parameter_count(c)), flops_per_token(c),
                     c.layers, c.width, vocabulary);
}

std::string layout_text(const Recipe& recipe) {
  const ParallelSection& p = recipe.parallel;
  std::string text = fmt::format("pipeline {} x data {} x tensor {}; zero {}", p.pipeline, *p.data,
                                 p.tensor, p.zero);
  if (p.zero > 0) text += fmt::format(" in groups of {}", count_of(*p.zero_group, "data rank"));
  if (*p.sequence) text += "; sequence";
  return text + fmt::format("; recompute {}; {}", p.recompute, recipe.training.precision);
}

std::string batch_text(const Recipe& recipe) {
  const TrainingSection& t = recipe.training;
  return fmt::format("{} a step = {} x {} of {}; {} tokens a step",
                     count_of(t.global_batch, "sequence"),
                     count_of(*recipe.parallel.data, "data rank"),
                     count_of(microbatches_of(recipe), "micro-batch"), t.micro_batch,
                     t.global_batch * recipe.data.sequence_length);
}

std::string run_text(const Recipe& recipe) {
  const TrainingSection& t = recipe.training;
  const double tokens = static_cast<double>(t.steps) * static_cast<double>(t.global_batch) *
                        static_cast<double>(recipe.data.sequence_length);
  return fmt::format("{}, {:.4g} tokens; steps an epoch are not known without the data",
                     count_of(t.steps, "step"), tokens);
}

/// FLOPs of each stage for a token: a block's forward is a third of its cost, the head's a quarter.
ScheduleCosts costs_of(const Recipe& recipe, const ModelConfig& config,
                       const std::vector<BlockRange>& stages) {
  ScheduleCosts costs;
  for (const BlockRange& stage : stages) {
    const double blocks = static_cast<double>(stage.count()) * block_cost(config) / 3.0;
    const double head = &stage == &stages.back() ? head_cost(config) / 4.0 : 0.0;
    const double again = recipe.parallel.recompute == "full" ? blocks : 0.0;
    const double input = blocks + 2.0 * head + again, weight = blocks + head;
    costs.stages.push_back({blocks + head, input, weight, input + weight});
  }
  return costs;
}

std::string schedule_text(const CheckedRun& run, const PipelineSchedule& schedule,
                          const std::vector<BlockRange>& stages) {
  const auto [least, most] = std::ranges::minmax(stages, {}, &BlockRange::count);
  const std::string blocks = least.count() == most.count()
                                 ? count_of(most.count(), "block")
                                 : fmt::format("{} to {} blocks", least.count(), most.count());
  const ScheduleTiming timing = simulate(schedule, costs_of(run.recipe, run.config, stages));
  return fmt::format("{}: {} of {}; bubble {:.3f}, stages weighed by their FLOPs, messages free",
                     schedule.name, count_of(schedule.stages(), "stage"), blocks, timing.bubble);
}

/// What checkpoint.local takes: nothing of a device.
std::string local_text(const Recipe& recipe) {
  const std::optional<Index> every = recipe.checkpoint.local_every.steps;
  return fmt::format(
      "{}: sends a rank's share of a checkpoint to the next host; takes the host's copy of it that "
      "checkpoint.async takes, 32 MiB a rank to pass it on, and four shares a rank on the host's "
      "disk",
      every ? fmt::format("every {}", count_of(*every, "step")) : "by its cost");
}

std::string memory_text(const CheckedRun& run) {
  const RankState& s = run.fullest;
  std::string text =
      line("memory",
           fmt::format("rank {} holds most: {}; activations are not counted{}", s.rank,
                       size_text(s.total()),
                       run.device_memory ? ": --device-memory must have room for them too" : ""));
  const auto add = [&](std::string_view label, std::size_t bytes) {
    if (bytes > 0)
      text += entry(label, fmt::format("{:>15} bytes  {:>10}", bytes, size_text(bytes)));
  };
  add("weights", s.weights);
  add("gradients", s.gradients);
  add("moments", s.moments);
  add("master weights", s.master);
  add("sums of a step", s.sums);
  add("together", s.total());
  if (run.device_memory) add("left for the rest", *run.device_memory - s.total());
  return text;
}

std::string rank_text(const Mesh& mesh, Index rank, const PipelineSchedule& schedule,
                      const std::vector<BlockRange>& stages) {
  const MeshCoordinates here = mesh.coordinates(rank);
  std::vector<Index> mine;
  Index blocks = 0;
  for (std::size_t stage = 0; stage < stages.size(); ++stage) {
    if (schedule.rank_of_stage[stage] != here.pipeline) continue;
    mine.push_back(static_cast<Index>(stage));
    blocks += stages[stage].count();
  }
  std::string text = fmt::format(
      "rank {}: pipeline {} of {}, replicate {} of {}, shard {} of {}, tensor {} of {}\n", rank,
      here.pipeline, mesh.shape().pipeline, here.replicate, mesh.shape().replicate, here.shard,
      mesh.shape().shard, here.tensor, mesh.shape().tensor);
  if (mesh.shape().pipeline > 1)
    text += entry("stages", fmt::format("{}, {}", compact_list(mine), count_of(blocks, "block")));
  for (const Axis axis : {Axis::tensor, Axis::shard, Axis::replicate, Axis::data, Axis::pipeline})
    if (mesh.shape().degree(axis) > 1)
      text += entry(name_of(axis), compact_list(mesh.ranks_along(axis, rank)));
  return text;
}

}  // namespace

std::string compact_list(const std::vector<Index>& numbers) {
  constexpr std::size_t short_list = 8, shown = 3;
  const std::string count = fmt::format(" ({})", numbers.size());
  if (numbers.size() <= short_list) return fmt::format("{}", fmt::join(numbers, ",")) + count;
  const auto first = numbers.begin();
  return fmt::format("{},...,{}", fmt::join(first, first + shown, ","), numbers.back()) + count;
}

std::string check_report(const CheckedRun& run) {
  const MeshShape shape = mesh_shape(run.recipe);
  const Mesh mesh(shape, shape.degree(Axis::world));
  const PipelineSchedule schedule = pipeline_schedule(run.recipe);
  const std::vector<BlockRange> stages = stage_ranges(run.recipe, run.config);
  std::string text =
      fmt::format("{}: no faults on {}\n", run.recipe.file, count_of(mesh.ranks(), "rank"));
  text += line("model", model_text(run));
  text += line("layout", layout_text(run.recipe));
  text += line("batch", batch_text(run.recipe));
  text += line("run", run_text(run.recipe));
  if (mesh.shape().pipeline > 1) text += line("schedule", schedule_text(run, schedule, stages));
  text += memory_text(run);
  for (const Index rank : std::set<Index>{0, 1 % mesh.ranks(), mesh.ranks() / 2, mesh.ranks() - 1})
    text += rank_text(mesh, rank, schedule, stages);
  if (run.recipe.checkpoint.local) text += line("local", local_text(run.recipe));
  return text + line("data", run.data);
}

}  // namespace tokenwerk
