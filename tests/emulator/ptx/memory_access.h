#pragma once
/// From the addresses of a warp's access to the bytes that it means, with every check.

#include <array>
#include <cstddef>

#include "tests/emulator/ptx/warp.h"

namespace tokenwerk::emulator::ptx {

enum class Direction : std::uint8_t { read, write, update };

/// Where each active lane's bytes are; the other entries are unset.
using Places = std::array<std::byte*, warp_size>;

/// Resolves `from[0] + value` in `access.space`, `access.bytes * access.count` bytes a lane. Throws
/// a fault for what is out of bounds, misaligned, never written or a race; counts the traffic.
void resolve(Warp& warp, const Instruction& instruction, Direction direction, Places& places);

/// The same for one lane and any address.
[[nodiscard]] std::byte* resolve_one(Warp& warp, const Instruction& instruction, int lane,
                                     Space space, std::uint64_t address, std::size_t bytes,
                                     Direction direction);

/// Counts one warp access to global memory at the addresses of the given lanes.
void count_global(Warp& warp, const std::array<std::uint64_t, warp_size>& addresses,
                  std::uint32_t lanes, std::size_t bytes, Direction direction);

}  // namespace tokenwerk::emulator::ptx
