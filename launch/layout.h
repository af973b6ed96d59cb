#pragma once
/// How a recipe spreads a run over ranks.

#include <string_view>
#include <vector>

#include "launch/faults.h"
#include "launch/recipe.h"
#include "models/partition.h"
#include "parallel/mesh.h"
#include "parallel/pipeline/schedule.h"

namespace tokenwerk {

/// Stages a rank has under a schedule when the recipe does not say.
[[nodiscard]] Index usual_virtual_stages(std::string_view schedule);

/// Blocks of each stage from "3,4,4,3"; nothing where the text is none of that form.
[[nodiscard]] std::optional<std::vector<Index>> blocks_of_stages(std::string_view text);

/// The mesh of a resolved recipe.
[[nodiscard]] MeshShape mesh_shape(const Recipe& recipe);

/// Micro-batches of a step on each rank, of a resolved recipe without faults.
[[nodiscard]] Index microbatches_of(const Recipe& recipe);

/// The schedule of a resolved recipe; read from its file if it names one. Throws ScheduleError with
/// all that is wrong with it.
[[nodiscard]] PipelineSchedule pipeline_schedule(const Recipe& recipe);

/// The blocks of every stage of a resolved recipe without faults.
[[nodiscard]] std::vector<BlockRange> stage_ranges(const Recipe& recipe, const ModelConfig& config);

/// Adds every fault of [parallel] and of what it has to divide, each with the nearest legal value.
/// `config` is the model, or none where that has faults of its own.
void check_layout(const Recipe& recipe, Index ranks, const ModelConfig* config, Faults& faults);

}  // namespace tokenwerk
