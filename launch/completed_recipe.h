#pragma once
/// From a recipe as written to one that a run can start from.

#include "launch/recipe.h"
#include "parallel/comm/environment.h"

namespace tokenwerk {

/// The recipe with everything in it that defaults, the data and the number of ranks decide. Every
/// rank calls together. Throws SharedError: missing token files, or every fault of model and batch,
/// arrays larger than the machine included; ranks that
/// read different recipes or schedule files.
[[nodiscard]] Recipe completed_together(MpiEnvironment& environment, const Recipe& recipe);

}  // namespace tokenwerk
