#pragma once
/// The training run behind `tokenwerk train`.

#include "launch/recipe.h"

namespace tokenwerk {

/// Trains as the recipe says and returns the exit code of an orderly end (launch/exit_code.h).
[[nodiscard]] int run_training(const Recipe& recipe);

}  // namespace tokenwerk
