#pragma once
/// What one rank does in a collective, as data: messages, waits and sums in program order.
///
/// Plans are made by pure functions of rank, size and length (collectives.h), run by one
/// interpreter (operation.h), and checked without any process by playing all ranks' plans against
/// each other.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "parallel/comm/traffic.h"

namespace tokenwerk {

/// The arrays that a plan speaks of. Input is only read; workspace is an argument that the
/// collective may destroy; scratch belongs to the queue.
enum class PlanBuffer : std::uint8_t { output, input, workspace, scratch };

struct ByteRange {
  PlanBuffer buffer = PlanBuffer::output;
  std::size_t first = 0;
  std::size_t bytes = 0;
};

enum class StepKind : std::uint8_t { send, receive, wait, reduce, copy };

/// One thing to do. Messages only begin at their step; their buffers are in use until a wait.
struct PlanStep {
  StepKind kind{};
  int peer{};                     ///< send, receive
  ByteRange range{};              ///< what is sent, or the target of receive, reduce and copy
  ByteRange source{};             ///< reduce, copy
  std::size_t first_message = 0;  ///< wait: messages first .. last, counted over sends and receives
  std::size_t last_message = 0;
};

struct MessagePlan {
  std::vector<PlanStep> steps;
  std::size_t messages = 0;       ///< sends and receives in all; the end of the plan waits for them
  std::size_t scratch_bytes = 0;  ///< what the scratch buffer must hold
  MessageCount sent, received;
};

/// The messages that carry one range: one, or several where MPI's count would overflow.
struct PlannedMessage {
  std::size_t first = 0;
  std::size_t last = 0;
};

/// Writes a plan step by step. Between two ranks messages arrive in the order in which they are
/// sent.
class PlanBuilder {
 public:
  PlannedMessage send(int peer, ByteRange what);
  PlannedMessage receive(int peer, ByteRange where);
  void wait(PlannedMessage message);
  /// target = reduction of target and source, element by element.
  void reduce(ByteRange target, ByteRange source);
  void copy(ByteRange target, ByteRange source);
  [[nodiscard]] MessagePlan take() { return std::move(plan_); }

 private:
  PlannedMessage add(StepKind kind, int peer, ByteRange range);
  void touch(ByteRange range);

  MessagePlan plan_;
};

}  // namespace tokenwerk
