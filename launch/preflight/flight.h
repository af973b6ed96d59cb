#pragma once
/// The pre-flight of a run that is about to be launched: its hosts and spares are asked, measured,
/// and left out where they are silent, hang or are slow.

#include "launch/supervisor/supervisor.h"

namespace tokenwerk {

struct FlightOptions {
  double seconds = 300;  ///< for all measurements
  double tolerance = 0;  ///< percent; 0: every quantity's own
  Index disk_megabytes = 64;
};

/// Starts `tokenwerk doctor --allocation` on all ranks of these hosts, by the run's own starter.
[[nodiscard]] Command preflight_command(const SupervisorOptions& run, const FlightOptions& flight,
                                        const std::vector<Host>& hosts);

struct FlightResult {
  std::vector<Exclusion> excluded;  ///< those the run was given, and those found
  bool stopped = false;             ///< by a signal: nothing shall start
};

/// Never fails a run for what it cannot find out: it then says so. Writes exclude.txt, and an event
/// for each host or link, into log.directory. Throws ConfigError for a recipe that is not legal on
/// the run's ranks.
[[nodiscard]] FlightResult fly_ahead(const SupervisorOptions& run, const FlightOptions& flight,
                                     const StopSignals& stop);

}  // namespace tokenwerk
