#pragma once
/// Plays the message plans of all ranks against each other in one process, in a random order.
///
/// Sends are rendezvous: a message moves only once both sides have posted it, at a random moment
/// after that, and reads the sender's buffer then. So a plan that waits for messages in a circle
/// deadlocks here. A range belongs to its message until the plan has waited for it: whoever writes
/// to what is being sent, or touches what is being received, is named.

#include <cstddef>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "parallel/comm/message_plan.h"

namespace tokenwerk::test {

/// The arrays of one rank.
struct PlayedBuffers {
  std::vector<std::byte> output, input, workspace, scratch;
};

class PlanPlayer {
 public:
  PlanPlayer(std::vector<MessagePlan> plans, std::vector<PlayedBuffers> buffers, unsigned seed);

  /// Plays to the end; sums are f32. Returns what went wrong, empty if nothing.
  [[nodiscard]] std::string play();
  [[nodiscard]] const PlayedBuffers& buffers(int rank) const {
    return ranks_[static_cast<std::size_t>(rank)].buffers;
  }
  /// Bytes that a rank sent.
  [[nodiscard]] std::size_t bytes_sent(int rank) const {
    return ranks_[static_cast<std::size_t>(rank)].sent;
  }

 private:
  struct Message {
    int rank = 0;
    std::size_t number = 0;
    ByteRange range;
  };
  struct Channel {
    std::deque<Message> sends, receives;
  };
  struct Rank {
    MessagePlan plan;
    PlayedBuffers buffers;
    std::size_t next = 0;
    std::vector<char> done = {};
    std::vector<PlanStep> open = {};  ///< per message: its step, emptied once waited for
    std::size_t sent = 0;
  };

  [[nodiscard]] bool runnable(const Rank& rank) const;
  [[nodiscard]] std::string step(int rank);
  /// Whether the step touches what a message of the rank still holds.
  [[nodiscard]] static bool conflicts(const Rank& rank, const PlanStep& step);
  [[nodiscard]] std::string deliver(Channel& channel);
  [[nodiscard]] std::byte* at(int rank, const ByteRange& range);

  std::vector<Rank> ranks_;
  std::vector<Channel> channels_;  ///< from * size + to
  std::mt19937 random_;
};

}  // namespace tokenwerk::test
