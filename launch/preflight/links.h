#pragma once
/// How fast ranks talk to each other, pair by pair in rounds (launch/preflight/rounds.h).

#include <vector>

#include "launch/preflight/outliers.h"
#include "launch/run_device.h"

namespace tokenwerk {

/// Of one rank, in rounds of all ranks together.
struct LinkMeasurement {
  Figures best;                   ///< over the rounds: of a rank's own part, whoever is slow
  std::vector<LinkFigure> links;  ///< to other hosts, one a round, in an order that all share
};

/// First within the hosts, every two ranks; then between them, host by host: on a cpu a host's
/// first ranks, which have its links to themselves, on GPUs all ranks, each with the one of its
/// place there, since each has a link of its own. A round takes about 0.15 s, or as long as its
/// slowest link takes for 1.3 MB each way. All ranks call together.
[[nodiscard]] LinkMeasurement measured_links(RunDevice& device, const Seats& seats);

}  // namespace tokenwerk
