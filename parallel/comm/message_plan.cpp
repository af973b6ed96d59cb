#include "parallel/comm/message_plan.h"

#include <algorithm>

namespace tokenwerk {
namespace {

/// MPI counts are ints.
constexpr std::size_t max_message_bytes = std::size_t{1} << 30;

}  // namespace

PlannedMessage PlanBuilder::send(int peer, ByteRange what) {
  return add(StepKind::send, peer, what);
}

PlannedMessage PlanBuilder::receive(int peer, ByteRange where) {
  return add(StepKind::receive, peer, where);
}

PlannedMessage PlanBuilder::add(StepKind kind, int peer, ByteRange range) {
  touch(range);
  const PlannedMessage message{
      plan_.messages,
      plan_.messages +
          std::max<std::size_t>(1, (range.bytes + max_message_bytes - 1) / max_message_bytes)};
  for (std::size_t done = 0; plan_.messages < message.last; done += max_message_bytes) {
    const ByteRange piece{range.buffer, range.first + done,
                          std::min(max_message_bytes, range.bytes - done)};
    plan_.steps.push_back({.kind = kind, .peer = peer, .range = piece});
    ++plan_.messages;
    (kind == StepKind::send ? plan_.sent : plan_.received) += {static_cast<Index>(piece.bytes), 1};
  }
  return message;
}

void PlanBuilder::wait(PlannedMessage message) {
  plan_.steps.push_back(
      {.kind = StepKind::wait, .first_message = message.first, .last_message = message.last});
}

void PlanBuilder::reduce(ByteRange target, ByteRange source) {
  touch(target);
  touch(source);
  plan_.steps.push_back({.kind = StepKind::reduce, .range = target, .source = source});
}

void PlanBuilder::copy(ByteRange target, ByteRange source) {
  touch(target);
  touch(source);
  plan_.steps.push_back({.kind = StepKind::copy, .range = target, .source = source});
}

void PlanBuilder::touch(ByteRange range) {
  if (range.buffer == PlanBuffer::scratch)
    plan_.scratch_bytes = std::max(plan_.scratch_bytes, range.first + range.bytes);
}

}  // namespace tokenwerk
