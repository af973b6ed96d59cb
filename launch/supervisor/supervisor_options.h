#pragma once
/// What a supervised run is: the recipe, the hosts, and the limits of patience.

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
  Index threads = 0;            ///< of a rank; 0: a host's cores divided by its ranks
  Index restarts = 5;           ///< in a row that bring no new checkpoint
  double hang_seconds = 900;    ///< without a sign of life: killed and restarted
  double grace_seconds = 120;   ///< from a request to stop to the end
  double outage_seconds = 900;  ///< for hosts to answer again where too few do
  /// Asked for once: the name of a file that is replaced meanwhile would be another.
  std::string program = own_program();
};

/// The hosts and spares that may be used.
[[nodiscard]] std::vector<Host> candidates_of(const SupervisorOptions& options);

}  // namespace tokenwerk
