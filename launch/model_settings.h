#pragma once
/// From a recipe to the model that it asks for.

#include "launch/recipe.h"
#include "models/config.h"

namespace tokenwerk {

/// The preset, if one is named, with the keys given in the recipe over it; then the family's defaults. A missing
/// vocabulary becomes `tokenizer_vocabulary` (0: no tokenizer lies beside the data). Throws one ConfigError that
/// lists every fault.
[[nodiscard]] ModelConfig model_config_of(const Recipe& recipe, Index tokenizer_vocabulary);

/// The recipe with every key of the model filled in.
[[nodiscard]] Recipe with_model(Recipe recipe, const ModelConfig& config);

}  // namespace tokenwerk
