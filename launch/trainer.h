#pragma once
/// The training run behind `tokenwerk train`.

#include "launch/injection.h"
#include "launch/recipe.h"
#include "launch/signals.h"
#include "launch/startup_budget.h"
#include "parallel/comm/environment.h"

namespace tokenwerk {

/// Trains as the recipe of the run (launch/recipe_broadcast.h) says, with these faults, and returns
/// the exit code of an orderly end (launch/exit_code.h). Every rank calls together. Throws
/// SharedError for what is wrong before training starts, and when the loss or the gradient is no
/// finite number (ExitCode::stopped_by_policy).
[[nodiscard]] int run_training(MpiEnvironment& environment, const Recipe& recipe,
                               const std::vector<Injection>& injections, const StopRequest& stop,
                               StartupBudget& budget);

}  // namespace tokenwerk
