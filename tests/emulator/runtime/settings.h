#pragma once
/// What the environment says about the emulated devices; each value is read once.

#include <cstddef>
#include <cstdint>
#include <optional>

namespace tokenwerk::emulator {

/// TOKENWERK_EMULATED_DEVICES: how many devices there are, 8 otherwise.
[[nodiscard]] int device_count();

/// TOKENWERK_EMULATED_MEMORY: bytes of each device, 2 GiB otherwise.
[[nodiscard]] std::size_t memory_per_device();

/// TOKENWERK_EMULATED_SEED: the schedule to play, mixed with the rank; none means no delays.
[[nodiscard]] std::optional<std::uint64_t> schedule_seed();

}  // namespace tokenwerk::emulator
