#pragma once
/// What a schedule says about messages, worked out before it runs: when a rank posts a receive,
/// whom it sends to, and when it knows that a send has arrived.

#include <vector>

#include "parallel/pipeline/schedule.h"

namespace tokenwerk {

/// What travels between stages: activations to the stage after, gradients to the one before.
enum class Payload { activation, gradient };

/// What one stage gives another for one micro-batch.
struct Message {
  Payload payload{};
  int stage = 0;  ///< that receives it
  int microbatch = 0;
  int peer = 0;  ///< the other rank; the rank itself where both stages are here

  friend bool operator==(const Message&, const Message&) = default;
};

/// Around one action of a rank's program.
struct ActionTransfers {
  /// Receives to start before the action, each peer's in the order in which it sends: the action's
  /// own and the next one's, so that they arrive beside compute.
  std::vector<Message> post;
  /// Earlier sends of this rank that have arrived, as this action's input proves: whatever follows
  /// from them had to come first. Their buffers can go.
  std::vector<Message> arrived;
  /// What the action waits for, and what it gives; at most one each.
  std::vector<Message> input, output;
};

/// For each action of this rank's program. The schedule has no faults (validate.h).
[[nodiscard]] std::vector<ActionTransfers> transfers_of(const PipelineSchedule& schedule, int rank);

}  // namespace tokenwerk
