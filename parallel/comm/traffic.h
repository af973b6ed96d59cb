#pragma once
/// What a rank sends, counted by axis and operation.

#include <array>
#include <cstdint>
#include <string_view>

#include "parallel/mesh.h"

namespace tokenwerk {

/// What ranks do together (communicator.h).
enum class Collective : std::uint8_t {
  all_reduce,
  reduce_scatter,
  all_gather,
  broadcast,
  all_to_all,
  exchange,
  barrier
};

[[nodiscard]] std::string_view name_of(Collective collective);

inline constexpr std::size_t axis_count = static_cast<std::size_t>(Axis::world) + 1;
inline constexpr std::size_t collective_count = static_cast<std::size_t>(Collective::barrier) + 1;

struct MessageCount {
  Index bytes = 0;
  Index messages = 0;

  MessageCount& operator+=(const MessageCount& other);
  MessageCount& operator-=(const MessageCount& other);
};

/// A table of counts. Ranks that share memory count like any others: what is sent, however it
/// travels.
class Traffic {
 public:
  [[nodiscard]] MessageCount& at(Axis axis, Collective collective);
  [[nodiscard]] const MessageCount& at(Axis axis, Collective collective) const;

  Traffic& operator+=(const Traffic& other);
  Traffic& operator-=(const Traffic& other);

 private:
  std::array<std::array<MessageCount, collective_count>, axis_count> counts_{};
};

}  // namespace tokenwerk
