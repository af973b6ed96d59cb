#include "parallel/comm/operation.h"

#include <algorithm>
#include <cstring>

#include "parallel/comm/mpi_check.h"

namespace tokenwerk {
namespace {

template <typename T>
void reduce_as(std::byte* target, const std::byte* source, std::size_t bytes, Reduction reduction) {
  T* const y = reinterpret_cast<T*>(target);
  const T* const x = reinterpret_cast<const T*>(source);
  const std::size_t count = bytes / sizeof(T);
  if (reduction == Reduction::sum)
    for (std::size_t i = 0; i < count; ++i) y[i] += x[i];
  else  // a NaN on either side stays: x != x
    for (std::size_t i = 0; i < count; ++i) y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i];
}

}  // namespace

Operation::Operation(const OperationArguments& arguments, MessagePlan plan)
    : arguments_(arguments), plan_(std::move(plan)) {
  messages_.reserve(plan_.messages);
}

Operation::Progress Operation::advance(std::byte* scratch) {
  const std::size_t start = next_step_;
  for (; next_step_ < plan_.steps.size(); ++next_step_) {
    const PlanStep& step = plan_.steps[next_step_];
    switch (step.kind) {
      case StepKind::send:
      case StepKind::receive: post(step, scratch); break;
      case StepKind::wait:
        if (!passed(step.first_message, step.last_message))
          return next_step_ > start ? Progress::moved : Progress::blocked;
        break;
      case StepKind::reduce: reduce(step, scratch); break;
      case StepKind::copy: {
        const std::byte* from = source(step.source, scratch);
        std::byte* to = target(step.range, scratch);
        if (from != to && step.range.bytes > 0) std::memcpy(to, from, step.range.bytes);
        break;
      }
    }
  }
  if (passed(0, messages_.size())) return Progress::done;
  return next_step_ > start ? Progress::moved : Progress::blocked;
}

void Operation::post(const PlanStep& step, std::byte* scratch) {
  messages_.push_back({MPI_REQUEST_NULL, &step});
  MPI_Request* const request = &messages_.back().request;
  const int bytes = static_cast<int>(step.range.bytes);
  if (step.kind == StepKind::send)
    TW_MPI(MPI_Isend(source(step.range, scratch), bytes, MPI_BYTE, step.peer, arguments_.send_tag,
                     arguments_.comm, request),
           describe(step));
  else
    TW_MPI(MPI_Irecv(target(step.range, scratch), bytes, MPI_BYTE, step.peer,
                     arguments_.receive_tag, arguments_.comm, request),
           describe(step));
}

bool Operation::passed(std::size_t first, std::size_t last) {
  for (std::size_t i = first; i < last; ++i) {
    Message& message = messages_[i];
    if (message.request == MPI_REQUEST_NULL) continue;
    int done = 0;
    TW_MPI(MPI_Test(&message.request, &done, MPI_STATUS_IGNORE), describe(*message.step));
    if (done == 0) return false;
  }
  return true;
}

void Operation::reduce(const PlanStep& step, std::byte* scratch) const {
  std::byte* const to = target(step.range, scratch);
  const std::byte* const from = source(step.source, scratch);
  if (arguments_.dtype == DType::f64)
    reduce_as<double>(to, from, step.range.bytes, arguments_.reduction);
  else
    reduce_as<float>(to, from, step.range.bytes, arguments_.reduction);
}

std::byte* Operation::target(const ByteRange& range, std::byte* scratch) const {
  switch (range.buffer) {
    case PlanBuffer::output: return arguments_.output + range.first;
    case PlanBuffer::scratch: return scratch + range.first;
    case PlanBuffer::workspace: return arguments_.workspace + range.first;
    case PlanBuffer::input: break;
  }
  TW_RAISE(Error, "the plan of ", text(), " writes to its input");
}

const std::byte* Operation::source(const ByteRange& range, const std::byte* scratch) const {
  switch (range.buffer) {
    case PlanBuffer::output: return arguments_.output + range.first;
    case PlanBuffer::scratch: return scratch + range.first;
    case PlanBuffer::input: return arguments_.input + range.first;
    case PlanBuffer::workspace: return arguments_.workspace + range.first;
  }
  return nullptr;
}

std::string Operation::text() const {
  return fmt::format("{} over {}", name_of(collective()), name_of(axis()));
}

std::string Operation::describe(const PlanStep& step) const {
  return fmt::format("{}, {} {} bytes {} rank {} of the axis", text(),
                     step.kind == StepKind::send ? "sending" : "receiving", step.range.bytes,
                     step.kind == StepKind::send ? "to" : "from", step.peer);
}

}  // namespace tokenwerk
