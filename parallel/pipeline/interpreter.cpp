#include "parallel/pipeline/interpreter.h"

#include <utility>

#include "core/error.h"
#include "core/seconds_into.h"

namespace tokenwerk {

PipelineInterpreter::PipelineInterpreter(PipelineSchedule schedule, Communicator& pipeline,
                                         TraceRecorder* trace)
    : schedule_(std::move(schedule)), comm_(&pipeline), trace_(trace) {
  TW_CHECK(schedule_.ranks() == pipeline.size(), "a schedule for ", schedule_.ranks(),
           " pipeline ranks on ", pipeline.size());
  transfers_ = transfers_of(schedule_, pipeline.rank());
  for (const Action& action : schedule_.program[static_cast<std::size_t>(pipeline.rank())])
    forward_only_ = forward_only_ && action.work == Work::forward;
  for (const ActionTransfers& transfers : transfers_) {
    for (const auto* messages : {&transfers.input, &transfers.output}) {
      for (const Message& message : *messages) {
        if (message.peer == pipeline.rank() || streams_.contains(message.peer)) continue;
        streams_[message.peer] = {pipeline.make_stream(), pipeline.make_stream()};
      }
    }
  }
}

void PipelineInterpreter::run(Stream& stream, StageWork& work) {
  const auto& program = schedule_.program[static_cast<std::size_t>(comm_->rank())];
  for (std::size_t i = 0; i < program.size(); ++i) execute(stream, work, program[i], transfers_[i]);
  const SecondsInto timer(exposed_seconds_);
  for (auto& [peer, streams] : streams_) streams.send->synchronize();
  sent_.clear();
  inputs_.clear();
}

void PipelineInterpreter::execute(Stream& stream, StageWork& work, const Action& action,
                                  const ActionTransfers& transfers) {
  for (const Message& message : transfers.post) post(message, work);
  ConstTensorView input;
  for (const Message& message : transfers.input) {
    Buffer& buffer = inputs_.at({message.payload, message.stage, message.microbatch});
    const SecondsInto timer(exposed_seconds_);
    stream.wait_for(buffer.ready);
    input = buffer.array;
  }
  for (const Message& message : transfers.arrived) drop(sent_, message);
  Tensor output;
  if (!transfers.output.empty()) output = work.message();
  const Message x{Payload::activation, action.stage, action.microbatch, 0};
  const Message dy{Payload::gradient, action.stage, action.microbatch, 0};
  compute(work, action, output, input);
  if (action.work == Work::backward || action.work == Work::backward_weight || forward_only_) {
    drop(inputs_, x);
    drop(inputs_, dy);
  }
  if (output) give(stream, transfers.output.front(), std::move(output));
  comm_->progress();
}

void PipelineInterpreter::compute(StageWork& work, const Action& action, TensorView output,
                                  ConstTensorView input) {
  const TraceSpan span(trace_, "compute", [&] { return text_of(action); });
  const auto [stage, what, microbatch] = action;
  switch (what) {
    case Work::forward: work.forward(stage, microbatch, output, input); break;
    case Work::backward:
      work.backward(stage, microbatch, output, input, WeightGradients::at_once);
      break;
    case Work::backward_input:
      work.backward(stage, microbatch, output, input, WeightGradients::later);
      break;
    case Work::backward_weight: work.backward_weight(stage, microbatch); break;
  }
}

void PipelineInterpreter::post(const Message& message, StageWork& work) {
  Buffer& buffer = inputs_[{message.payload, message.stage, message.microbatch}];
  Stream& stream = *streams_.at(message.peer).receive;
  buffer.array = work.message();
  comm_->exchange(stream, {.receive = buffer.array, .from = message.peer});
  buffer.ready = stream.record();
}

void PipelineInterpreter::give(Stream& stream, const Message& message, Tensor array) {
  const Key key{message.payload, message.stage, message.microbatch};
  if (message.peer == comm_->rank()) {
    inputs_[key] = {std::move(array), {}};
    return;
  }
  Stream& send = *streams_.at(message.peer).send;
  Buffer& buffer = sent_[key];
  buffer.array = std::move(array);
  send.wait_for(stream.record());
  comm_->exchange(send, {.send = buffer.array, .to = message.peer});
  buffer.ready = send.record();
}

void PipelineInterpreter::drop(std::map<Key, Buffer>& buffers, const Message& message) {
  const auto found = buffers.find({message.payload, message.stage, message.microbatch});
  if (found == buffers.end()) return;
  found->second.ready.synchronize();
  buffers.erase(found);
}

double PipelineInterpreter::take_exposed_seconds() { return std::exchange(exposed_seconds_, 0.0); }

}  // namespace tokenwerk
