#pragma once
/// The items that calls become.

#include <functional>

#include "tests/emulator/nccl/task.h"

namespace tokenwerk::emulator {

/// What a collective does with the bytes that ranks put on the table, at an offset of their
/// contributions. There is a piece for each rank; those of ranks that only read hold nothing.
using Consume = std::function<void(std::size_t offset, std::size_t bytes,
                                   const std::vector<const std::byte*>& pieces)>;

/// Which part of a collective a rank plays.
struct Part {
  const void* contribution = nullptr;  ///< null if the rank only reads
  std::size_t length = 0;              ///< bytes of each contribution, the same on all ranks
  Consume consume;                     ///< may be empty
};

/// A collective: round by round, every rank puts a piece of its contribution on the table, waits
/// for the pieces of all, and takes what it needs. In the first round the calls are compared.
[[nodiscard]] std::unique_ptr<Item> make_collective(const Call& call, Part part,
                                                    std::vector<DeviceRange> ranges);

/// Sends to `call.partner`; complete when that rank has taken everything.
[[nodiscard]] std::unique_ptr<Item> make_send(const Call& call, const void* data,
                                              std::vector<DeviceRange> ranges);
[[nodiscard]] std::unique_ptr<Item> make_receive(const Call& call, void* data,
                                                 std::vector<DeviceRange> ranges);

}  // namespace tokenwerk::emulator
