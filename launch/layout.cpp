#include "launch/layout.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "core/data/files.h"
#include "core/error.h"
#include "launch/counted.h"
#include "parallel/pipeline/generators.h"
#include "parallel/pipeline/schedule_text.h"
#include "parallel/pipeline/validate.h"

namespace tokenwerk {
namespace {

constexpr std::string_view file_prefix = "file:";
constexpr Index largest_file = Index{1} << 26;  // bytes of a schedule's file

}  // namespace

std::optional<std::string> path_of_schedule(std::string_view schedule) {
  if (!schedule.starts_with(file_prefix)) return std::nullopt;
  return std::string(schedule.substr(file_prefix.size()));
}

std::optional<std::vector<Index>> blocks_of_stages(std::string_view text) {
  std::vector<Index> blocks;
  while (true) {
    Index value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range && text.front() != '-') value = most_blocks;
    if (value < 1) return std::nullopt;
    blocks.push_back(std::min(value, most_blocks));
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty()) return blocks;
    if (text.front() != ',') return std::nullopt;
    text.remove_prefix(1);
  }
}

MeshShape mesh_shape(const Recipe& recipe) {
  const ParallelSection& p = recipe.parallel;
  const Index shard = p.zero_group.value();
  return {.pipeline = p.pipeline,
          .replicate = p.data.value() / shard,
          .shard = shard,
          .tensor = p.tensor};
}

Index microbatches_of(const Recipe& recipe) {
  return recipe.training.global_batch / (recipe.training.micro_batch * *recipe.parallel.data);
}

ParsedSchedule schedule_in_file(const std::string& path) {
  if (path.empty())
    return {{}, FaultList(std::vector<std::string>{"names no file: it reads file:PATH"})};
  try {
    return parse_schedule(read_small_file(path, largest_file), path);
  } catch (const DataError& error) {
    return {{}, FaultList(std::vector<std::string>{error.what()})};
  }
}

FaultList faults_of(const PipelineSchedule& schedule, std::optional<Index> ranks,
                    std::optional<Index> microbatches) {
  FaultList faults;
  if (ranks && schedule.ranks() != *ranks)
    faults.add(fmt::format("is for {}, parallel.pipeline is {}", count_of(schedule.ranks(), "rank"),
                           *ranks));
  if (microbatches && schedule.microbatches != *microbatches) {
    faults.add(
        fmt::format("has {}, a step of this recipe has {} (training.global_batch / "
                    "(training.micro_batch x parallel.data))",
                    count_of(schedule.microbatches, "micro-batch"), *microbatches));
  }
  for (std::string& fault : validate(schedule).faults) faults.add(std::move(fault));
  return faults;
}

PipelineSchedule pipeline_schedule(const Recipe& recipe) {
  const ParallelSection& p = recipe.parallel;
  const Index microbatches = microbatches_of(recipe);
  const auto path = path_of_schedule(*p.schedule);
  if (!path) {
    return make_schedule(*p.schedule, {.ranks = static_cast<int>(p.pipeline),
                                       .microbatches = static_cast<int>(microbatches),
                                       .virtual_stages = static_cast<int>(*p.virtual_stages)});
  }
  ParsedSchedule parsed =
      recipe.schedule_text ? parse_schedule(*recipe.schedule_text, *path) : schedule_in_file(*path);
  if (parsed.faults.count() == 0)
    parsed.faults = faults_of(parsed.schedule, p.pipeline, microbatches);
  TW_CHECK_AS(ScheduleError, parsed.faults.count() == 0, *path, ": ",
              joined(parsed.faults.lines(), "\n"));
  return std::move(parsed.schedule);
}

std::vector<BlockRange> stage_ranges(const Recipe& recipe, const ModelConfig& config) {
  if (recipe.parallel.stages) return partition(*blocks_of_stages(*recipe.parallel.stages));
  return partition(config, pipeline_schedule(recipe).stages());
}

std::vector<Index> nearest_blocks(std::vector<Index> blocks, Index stages, Index layers) {
  blocks.resize(static_cast<std::size_t>(stages), 1);
  Index others = stages;  // blocks of the stages that are not fitted yet: at least one each
  for (Index& count : blocks) {
    others -= 1;
    count = std::clamp<Index>(count, 1, layers - others);
    layers -= count;
  }
  blocks.back() += layers;
  return blocks;
}

}  // namespace tokenwerk
