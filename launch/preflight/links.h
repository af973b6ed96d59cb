#pragma once
/// How fast ranks talk to each other, pair by pair in rounds (launch/preflight/rounds.h).

#include <optional>
#include <vector>

#include "launch/preflight/outliers.h"
#include "launch/run_device.h"

namespace tokenwerk {

/// Of one rank, in rounds of all ranks together.
struct LinkMeasurement {
  Figures best;                   ///< over the rounds: of a rank's own part, whoever is slow
  std::vector<LinkFigure> links;  ///< to other hosts, one a round, in an order that all share
};

/// Whom a rank meets in a round within its host, the round being counted from 0.
[[nodiscard]] std::optional<Index> peer_inside(const Seats& seats, Index rank, std::size_t round);
/// Whom a rank meets in a round between hosts, where the first `lanes` ranks of each take part: the
/// one of its own place.
[[nodiscard]] std::optional<Index> peer_outside(const Seats& seats, Index rank, Index round,
                                                Index lanes);

/// First within the hosts, every two ranks; then between them, host by host: on a cpu a host's
/// first ranks, which have its links to themselves, on GPUs all ranks, each with the one of its
/// place there, since each has a link of its own. In a round each rank sends and receives 21.5 MB
/// (5 messages of 4 MiB, 2 of 256 KiB; GPUs 5 of 64 MiB), or 1.8 MB over a link that is very slow.
/// All ranks call together.
[[nodiscard]] LinkMeasurement measured_links(RunDevice& device, const Seats& seats);

}  // namespace tokenwerk
