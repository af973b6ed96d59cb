#pragma once
/// Runs any pipeline schedule.

#include <map>

#include "core/trace.h"
#include "parallel/comm/communicator.h"
#include "parallel/pipeline/stage_work.h"
#include "parallel/pipeline/transfers.h"

namespace tokenwerk {

/// One rank's part of a schedule. Sends and receives run beside compute on streams of their own,
/// one for each peer and direction; a receive is posted an action ahead. All buffers come and go in
/// program order: a sent one goes as soon as the schedule proves that it has arrived.
class PipelineInterpreter {
 public:
  /// The schedule has no faults (validate.h) and as many ranks as the communicator.
  /// Actions are recorded unless there is no recorder.
  PipelineInterpreter(PipelineSchedule schedule, Communicator& pipeline,
                      TraceRecorder* trace = nullptr);

  [[nodiscard]] const PipelineSchedule& schedule() const { return schedule_; }
  /// Runs the rank's program once; returns when all its sends have gone.
  void run(Stream& stream, StageWork& work);

 private:
  struct Buffer {
    Tensor array;
    Event ready;
  };
  struct Streams {
    std::unique_ptr<Stream> send, receive;
  };

  void execute(Stream& stream, StageWork& work, const Action& action,
               const ActionTransfers& transfers);
  void compute(StageWork& work, const Action& action, TensorView output, ConstTensorView input);
  void post(Stream& stream, const Message& message, StageWork& work);
  /// Hands an output on: to its peer, or to the stage on this rank.
  void give(Stream& stream, const Message& message, Tensor array);
  static void drop(Stream& stream, std::map<Result, Buffer>& buffers, const Result& result);

  PipelineSchedule schedule_;
  Communicator* comm_;
  TraceRecorder* trace_;
  bool forward_only_ = true;                ///< nothing of a stage is kept for backward
  std::vector<ActionTransfers> transfers_;  ///< by action of this rank's program
  std::map<int, Streams> streams_;          ///< by peer
  std::map<Result, Buffer> inputs_;         ///< received, or on the way
  std::map<Result, Buffer> sent_;
};

}  // namespace tokenwerk
