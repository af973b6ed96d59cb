#pragma once
/// How a recipe spreads a run over ranks.

#include <string_view>
#include <vector>

#include "launch/faults.h"
#include "launch/recipe.h"
#include "models/partition.h"
#include "parallel/mesh.h"
#include "parallel/pipeline/schedule_text.h"

namespace tokenwerk {

/// The path of a schedule that is file:PATH; nothing for a name.
[[nodiscard]] std::optional<std::string> path_of_schedule(std::string_view schedule);

/// Far more than any model has.
constexpr Index most_blocks = 1'000'000'000'000;

/// Blocks of each stage from "3,4,4,3", numbers above `most_blocks` as that one; nothing where the
/// text is none of that form.
[[nodiscard]] std::optional<std::vector<Index>> blocks_of_stages(std::string_view text);

/// The mesh of a resolved recipe.
[[nodiscard]] MeshShape mesh_shape(const Recipe& recipe);

/// Micro-batches of a step on each rank, of a resolved recipe without faults.
[[nodiscard]] Index microbatches_of(const Recipe& recipe);

/// A schedule as its file has it, or why it cannot be read.
[[nodiscard]] ParsedSchedule schedule_in_file(const std::string& path);

/// What is wrong with a schedule, and where it is not for so many pipeline ranks and micro-batches
/// (those that are known).
[[nodiscard]] FaultList faults_of(const PipelineSchedule& schedule, std::optional<Index> ranks,
                                  std::optional<Index> microbatches);

/// The schedule of a resolved recipe without faults. Throws ScheduleError where a file has changed
/// since.
[[nodiscard]] PipelineSchedule pipeline_schedule(const Recipe& recipe);

/// The blocks of every stage of a resolved recipe without faults.
[[nodiscard]] std::vector<BlockRange> stage_ranges(const Recipe& recipe, const ModelConfig& config);

/// The blocks of each stage as a list of so many numbers that add up to `layers` and are nearest to
/// these: what is missing is added to the last stage, what is too much taken from the last ones.
[[nodiscard]] std::vector<Index> nearest_blocks(std::vector<Index> blocks, Index stages,
                                                Index layers);

/// Adds every fault of [parallel] and of what it has to divide, each with the nearest legal value.
/// `config` is the model, or none where that has faults of its own.
void check_layout(const Recipe& recipe, Index ranks, const ModelConfig* config, Faults& faults);

}  // namespace tokenwerk
