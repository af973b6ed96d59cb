#include "parallel/pipeline/interpreter.h"

#include <utility>

#include "core/error.h"

namespace tokenwerk {

PipelineInterpreter::PipelineInterpreter(PipelineSchedule schedule, Communicator& pipeline,
                                         TraceRecorder* trace)
    : schedule_(std::move(schedule)), comm_(&pipeline), trace_(trace) {
  TW_CHECK(schedule_.ranks() == pipeline.size(), "a schedule for ", schedule_.ranks(),
           " pipeline ranks on ", pipeline.size());
  transfers_ = transfers_of(schedule_, pipeline.rank());
  pipeline.connect(links_of(schedule_));
  for (const Action& action : schedule_.program[static_cast<std::size_t>(pipeline.rank())])
    forward_only_ = forward_only_ && action.work == Work::forward;
  for (const ActionTransfers& transfers : transfers_) {
    for (const std::optional<Message>& message : {transfers.input, transfers.output}) {
      if (!message || message->peer == pipeline.rank() || streams_.contains(message->peer))
        continue;
      streams_[message->peer] = {pipeline.make_stream(fmt::format("to {}", message->peer)),
                                 pipeline.make_stream(fmt::format("from {}", message->peer))};
    }
  }
}

void PipelineInterpreter::run(Stream& stream, StageWork& work) {
  const auto& program = schedule_.program[static_cast<std::size_t>(comm_->rank())];
  for (std::size_t i = 0; i < program.size(); ++i) execute(stream, work, program[i], transfers_[i]);
  for (auto& [peer, streams] : streams_) stream.wait_for(streams.send->record());
  sent_.clear();
  inputs_.clear();
}

void PipelineInterpreter::execute(Stream& stream, StageWork& work, const Action& action,
                                  const ActionTransfers& transfers) {
  for (const Message& message : transfers.post) post(stream, message, work);
  ConstTensorView input;
  if (transfers.input) {
    Buffer& buffer = inputs_.at(transfers.input->result);
    stream.wait_for(buffer.ready);
    input = buffer.array;
  }
  for (const Message& message : transfers.arrived) drop(stream, sent_, message.result);
  Tensor output;
  if (transfers.output) output = work.message();
  compute(work, action, output, input);
  if (action.work == Work::backward || action.work == Work::backward_weight || forward_only_) {
    drop(stream, inputs_, {Result::Kind::activation, action.stage - 1, action.microbatch});
    drop(stream, inputs_, {Result::Kind::input_gradient, action.stage + 1, action.microbatch});
  }
  if (output) give(stream, *transfers.output, std::move(output));
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

void PipelineInterpreter::post(Stream& stream, const Message& message, StageWork& work) {
  Buffer& buffer = inputs_[message.result];
  Stream& receive = *streams_.at(message.peer).receive;
  buffer.array = work.message();
  receive.wait_for(stream.record());  // what the array's memory held may still be in use
  comm_->exchange(receive, {.receive = buffer.array, .from = message.peer});
  buffer.ready = receive.record();
}

void PipelineInterpreter::give(Stream& stream, const Message& message, Tensor array) {
  if (message.peer == comm_->rank()) {
    inputs_[message.result] = {std::move(array), {}};
    return;
  }
  Stream& send = *streams_.at(message.peer).send;
  Buffer& buffer = sent_[message.result];
  buffer.array = std::move(array);
  send.wait_for(stream.record());
  comm_->exchange(send, {.send = buffer.array, .to = message.peer});
  buffer.ready = send.record();
}

void PipelineInterpreter::drop(Stream& stream, std::map<Result, Buffer>& buffers,
                               const Result& result) {
  const auto found = buffers.find(result);
  if (found == buffers.end()) return;
  stream.wait_for(found->second.ready);  // before it uses the memory again
  buffers.erase(found);
}

}  // namespace tokenwerk
