#pragma once
/// What a schedule says about messages, worked out before it runs: when a rank posts a receive,
/// whom it sends to, and when it knows that a send has arrived.

#include <optional>
#include <vector>

#include "parallel/comm/communicator.h"
#include "parallel/pipeline/results.h"
#include "parallel/pipeline/schedule.h"

namespace tokenwerk {

/// A result on its way to the stage that uses it.
struct Message {
  Result result;
  int peer = 0;  ///< the other rank; the rank itself where both stages are here

  friend bool operator==(const Message&, const Message&) = default;
};

/// Around one action of a rank's program.
struct ActionTransfers {
  /// Receives to start before the action, each peer's in the order in which it sends: the action's
  /// own and the next one's, so that they arrive beside compute; the next one's not where it
  /// follows from this very action, since a GPU that waits for it could not be given the action's
  /// work.
  std::vector<Message> post;
  /// Earlier sends of this rank that have arrived, as this action's input proves: whatever follows
  /// from them had to come first. Their buffers can go.
  std::vector<Message> arrived;
  /// What the action waits for, and what it gives.
  std::optional<Message> input, output;
};

/// The ways that messages take between ranks, each once, in an order that all ranks agree on.
[[nodiscard]] std::vector<Link> links_of(const PipelineSchedule& schedule);

/// For each action of this rank's program. The schedule has no faults (validate.h).
[[nodiscard]] std::vector<ActionTransfers> transfers_of(const PipelineSchedule& schedule, int rank);

}  // namespace tokenwerk
