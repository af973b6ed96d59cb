#include "parallel/comm/traffic.h"

namespace tokenwerk {

std::string_view name_of(Collective collective) {
  switch (collective) {
    case Collective::all_reduce: return "all_reduce";
    case Collective::reduce_scatter: return "reduce_scatter";
    case Collective::all_gather: return "all_gather";
    case Collective::broadcast: return "broadcast";
    case Collective::all_to_all: return "all_to_all";
    case Collective::exchange: return "exchange";
    case Collective::barrier: return "barrier";
  }
  return "?";
}

MessageCount& MessageCount::operator+=(const MessageCount& other) {
  bytes += other.bytes;
  messages += other.messages;
  return *this;
}

MessageCount& MessageCount::operator-=(const MessageCount& other) {
  bytes -= other.bytes;
  messages -= other.messages;
  return *this;
}

MessageCount& Traffic::at(Axis axis, Collective collective) {
  return counts_[static_cast<std::size_t>(axis)][static_cast<std::size_t>(collective)];
}

const MessageCount& Traffic::at(Axis axis, Collective collective) const {
  return counts_[static_cast<std::size_t>(axis)][static_cast<std::size_t>(collective)];
}

Traffic& Traffic::operator+=(const Traffic& other) {
  for (std::size_t axis = 0; axis < axis_count; ++axis)
    for (std::size_t i = 0; i < collective_count; ++i) counts_[axis][i] += other.counts_[axis][i];
  return *this;
}

Traffic& Traffic::operator-=(const Traffic& other) {
  for (std::size_t axis = 0; axis < axis_count; ++axis)
    for (std::size_t i = 0; i < collective_count; ++i) counts_[axis][i] -= other.counts_[axis][i];
  return *this;
}

}  // namespace tokenwerk
