#pragma once
/// Keeps a run alive: starts its ranks, restarts them from the last good checkpoint after any
/// death, on the hosts that are left.

#include "launch/supervisor/elastic.h"
#include "launch/supervisor/exclude_list.h"
#include "launch/supervisor/placement.h"

namespace tokenwerk {

struct SupervisorOptions {
  RecipeSource recipe;
  std::vector<Host> hosts;
  std::vector<Host> spares;         ///< take the places of hosts that fail
  std::vector<Exclusion> excluded;  ///< of both: never used
  Starter starter = Starter::mpirun;
  Index threads = 0;           ///< of a rank; 0: a host's cores divided by its ranks
  Index restarts = 3;          ///< in a row that bring no new checkpoint
  double hang_seconds = 900;   ///< without a sign of life: killed and restarted
  double grace_seconds = 120;  ///< from a request to stop to the end
};

/// The hosts and spares that may be used.
[[nodiscard]] std::vector<Host> candidates_of(const SupervisorOptions& options);

/// The command of the first attempt.
[[nodiscard]] Command first_command(const SupervisorOptions& options);

/// Runs to the end. The exit code: that of the run where it ends in order (done, stopped by policy
/// or signal) or where no restart can help (wrong recipe or data); wrong_machine where restarts
/// bring no progress any more. Writes events.jsonl. Throws ConfigError for a recipe that is not
/// legal on these ranks, or where too few hosts are left in.
[[nodiscard]] int supervise(const SupervisorOptions& options);

}  // namespace tokenwerk
