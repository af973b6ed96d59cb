#pragma once
/// From the model section of a recipe to the model that models/ builds.

#include "launch/recipe.h"
#include "models/config.h"

namespace tokenwerk {

/// The preset's sizes or the family's defaults, replaced by every key that is given. `vocabulary`
/// is the tokenizer's, for a recipe that gives none; 0 where there is no tokenizer. The recipe has
/// been validated.
[[nodiscard]] ModelConfig model_config(const Recipe& recipe, Index vocabulary);

/// A model section in which every key of the configuration is given.
[[nodiscard]] ModelSection model_section(const ModelConfig& config);

}  // namespace tokenwerk
