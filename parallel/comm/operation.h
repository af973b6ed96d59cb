#pragma once
/// One collective under way on this rank: the interpreter of message plans over MPI.

#include <mpi.h>

#include <string>
#include <vector>

#include "core/dtype.h"
#include "parallel/comm/communicator.h"
#include "parallel/comm/message_plan.h"

namespace tokenwerk {

/// What a collective works on. Owns nothing.
struct OperationArguments {
  CollectiveCall call;
  MPI_Comm comm = MPI_COMM_NULL;
  int send_tag = 0;
  int receive_tag = 0;
  std::byte* output = nullptr;
  const std::byte* input = nullptr;
  std::byte* workspace = nullptr;
  DType dtype = DType::f32;  ///< of sums
  Reduction reduction = Reduction::sum;
};

/// Runs a plan as far as its messages have come, again and again. One thread at a time.
class Operation {
 public:
  Operation(const OperationArguments& arguments, MessagePlan plan);

  /// Never blocks. Throws CommError naming operation, axis, bytes and peer where MPI fails.
  enum class Progress { blocked, moved, done };
  [[nodiscard]] Progress advance(std::byte* scratch);

  [[nodiscard]] std::size_t scratch_bytes() const { return plan_.scratch_bytes; }
  [[nodiscard]] const CollectiveCall& call() const { return arguments_.call; }
  [[nodiscard]] Collective collective() const { return arguments_.call.collective; }
  [[nodiscard]] Axis axis() const { return arguments_.call.axis; }
  [[nodiscard]] const MessageCount& sent() const { return plan_.sent; }
  [[nodiscard]] const MessageCount& received() const { return plan_.received; }
  /// "all_reduce over data"
  [[nodiscard]] std::string text() const;

 private:
  struct Message {
    MPI_Request request = MPI_REQUEST_NULL;
    const PlanStep* step = nullptr;
  };
  void post(const PlanStep& step, std::byte* scratch);
  /// Whether messages first .. last have all passed.
  [[nodiscard]] bool passed(std::size_t first, std::size_t last);
  void reduce(const PlanStep& step, std::byte* scratch) const;
  [[nodiscard]] std::byte* target(const ByteRange& range, std::byte* scratch) const;
  [[nodiscard]] const std::byte* source(const ByteRange& range, const std::byte* scratch) const;
  [[nodiscard]] std::string describe(const PlanStep& step) const;

  OperationArguments arguments_;
  MessagePlan plan_;
  std::vector<Message> messages_;
  std::size_t next_step_ = 0;
};

}  // namespace tokenwerk
