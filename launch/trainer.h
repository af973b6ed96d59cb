#pragma once
/// The training run behind `tokenwerk train`.

#include "launch/recipe.h"
#include "parallel/comm/environment.h"

namespace tokenwerk {

/// Trains as the recipe, valid for these ranks, says and returns the exit code of an orderly end
/// (launch/exit_code.h).
[[nodiscard]] int run_training(MpiEnvironment& environment, const Recipe& recipe);

}  // namespace tokenwerk
