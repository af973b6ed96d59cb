#pragma once
/// From a recipe to what models/ and core/ build.

#include "core/ops/optimizer.h"
#include "core/optimizer/learning_rate.h"
#include "launch/recipe.h"
#include "models/config.h"

namespace tokenwerk {

/// The preset's sizes or the family's defaults, replaced by every key that is given. `vocabulary`
/// is the tokenizer's, for a recipe that gives none; 0 where there is no tokenizer. The recipe has
/// been validated.
[[nodiscard]] ModelConfig model_config(const Recipe& recipe, Index vocabulary);

/// A model section in which every key of the configuration is given.
[[nodiscard]] ModelSection model_section(const ModelConfig& config);

/// The optimizer's part of a recipe. Its defaults are filled in.
[[nodiscard]] LearningRate learning_rate(const TrainingSection& training);
[[nodiscard]] AdamW adamw_options(const TrainingSection& training);

}  // namespace tokenwerk
