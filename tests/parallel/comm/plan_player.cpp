#include "tests/parallel/comm/plan_player.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace tokenwerk::test {

PlanPlayer::PlanPlayer(std::vector<MessagePlan> plans, std::vector<PlayedBuffers> buffers,
                       unsigned seed)
    : channels_(plans.size() * plans.size()), random_(seed) {
  for (std::size_t rank = 0; rank < plans.size(); ++rank) {
    buffers[rank].scratch.resize(plans[rank].scratch_bytes);
    ranks_.push_back({.plan = std::move(plans[rank]), .buffers = std::move(buffers[rank])});
  }
}

std::string PlanPlayer::play() {
  while (true) {
    std::vector<std::size_t> choices;
    for (std::size_t i = 0; i < ranks_.size(); ++i)
      if (runnable(ranks_[i])) choices.push_back(i);
    for (std::size_t i = 0; i < channels_.size(); ++i)
      if (!channels_[i].sends.empty() && !channels_[i].receives.empty())
        choices.push_back(ranks_.size() + i);
    if (choices.empty()) break;
    const std::size_t chosen = choices[random_() % choices.size()];
    const std::string fault = chosen < ranks_.size() ? step(static_cast<int>(chosen))
                                                     : deliver(channels_[chosen - ranks_.size()]);
    if (!fault.empty()) return fault;
  }
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    const Rank& rank = ranks_[i];
    if (rank.next < rank.plan.steps.size())
      return "rank " + std::to_string(i) + " waits for ever at step " + std::to_string(rank.next);
    if (std::count(rank.done.begin(), rank.done.end(), 0) > 0)
      return "rank " + std::to_string(i) + " has messages that nobody takes";
  }
  return {};
}

bool PlanPlayer::runnable(const Rank& rank) const {
  if (rank.next == rank.plan.steps.size()) return false;
  const PlanStep& step = rank.plan.steps[rank.next];
  if (step.kind != StepKind::wait) return true;
  for (std::size_t i = step.first_message; i < step.last_message; ++i)
    if (rank.done.at(i) == 0) return false;
  return true;
}

bool PlanPlayer::conflicts(const Rank& rank, const PlanStep& step) {
  const auto overlap = [](const ByteRange& a, const ByteRange& b) {
    return a.buffer == b.buffer && a.first < b.first + b.bytes && b.first < a.first + a.bytes;
  };
  const bool local = step.kind == StepKind::reduce || step.kind == StepKind::copy;
  const bool reads_only = step.kind == StepKind::send;
  for (const PlanStep& open : rank.open) {
    const bool sending = open.kind == StepKind::send;
    if (overlap(open.range, step.range) && !(sending && reads_only)) return true;
    if (local && overlap(open.range, step.source) && !sending) return true;
  }
  return false;
}

std::string PlanPlayer::step(int index) {
  Rank& rank = ranks_[static_cast<std::size_t>(index)];
  const PlanStep& step = rank.plan.steps[rank.next++];
  if (step.kind != StepKind::wait && conflicts(rank, step))
    return "rank " + std::to_string(index) + " touches a range in use at step " +
           std::to_string(rank.next - 1);
  const auto channel = [&](int from, int to) -> Channel& {
    return channels_[static_cast<std::size_t>(from) * ranks_.size() + static_cast<std::size_t>(to)];
  };
  const Message message{index, rank.done.size(), step.range};
  switch (step.kind) {
    case StepKind::wait:
      for (std::size_t i = step.first_message; i < step.last_message; ++i) rank.open[i] = {};
      break;
    case StepKind::send:
      rank.open.push_back(step);
      channel(index, step.peer).sends.push_back(message);
      rank.done.push_back(0);
      rank.sent += step.range.bytes;
      break;
    case StepKind::receive:
      rank.open.push_back(step);
      channel(step.peer, index).receives.push_back(message);
      rank.done.push_back(0);
      break;
    case StepKind::copy:
      if (step.range.bytes > 0)
        std::memmove(at(index, step.range), at(index, step.source), step.range.bytes);
      break;
    case StepKind::reduce: {
      auto* to = reinterpret_cast<float*>(at(index, step.range));
      const auto* from = reinterpret_cast<const float*>(at(index, step.source));
      for (std::size_t i = 0; i < step.range.bytes / sizeof(float); ++i) to[i] += from[i];
      break;
    }
  }
  return {};
}

std::string PlanPlayer::deliver(Channel& channel) {
  const Message send = channel.sends.front(), receive = channel.receives.front();
  channel.sends.pop_front();
  channel.receives.pop_front();
  if (send.range.bytes != receive.range.bytes)
    return "rank " + std::to_string(send.rank) + " sends " + std::to_string(send.range.bytes) +
           " bytes, rank " + std::to_string(receive.rank) + " wants " +
           std::to_string(receive.range.bytes);
  if (send.range.bytes > 0)
    std::memcpy(at(receive.rank, receive.range), at(send.rank, send.range), send.range.bytes);
  for (const Message& message : {send, receive})
    ranks_[static_cast<std::size_t>(message.rank)].done[message.number] = 1;
  return {};
}

std::byte* PlanPlayer::at(int rank, const ByteRange& range) {
  PlayedBuffers& b = ranks_[static_cast<std::size_t>(rank)].buffers;
  std::vector<std::byte>& buffer = range.buffer == PlanBuffer::output      ? b.output
                                   : range.buffer == PlanBuffer::input     ? b.input
                                   : range.buffer == PlanBuffer::workspace ? b.workspace
                                                                           : b.scratch;
  if (range.first + range.bytes > buffer.size())
    throw std::out_of_range("a plan reaches beyond its buffer");
  return buffer.data() + range.first;
}

}  // namespace tokenwerk::test
