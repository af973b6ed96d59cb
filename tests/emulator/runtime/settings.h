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

/// TOKENWERK_EMULATED_EPILOGUES: 0 if cublasLt's heuristics have no algorithm with an epilogue.
[[nodiscard]] bool offers_epilogues();

/// Bugs to plant, so that tests see them found.
/// TOKENWERK_EMULATED_DEAF_STREAM: the stream, by its place among those that the process makes
/// (from 1), that waits for no event.
[[nodiscard]] std::optional<std::uint64_t> deaf_stream();
/// TOKENWERK_EMULATED_NCCL_SHORTER: the collective, by its number on each communicator (from 0), in
/// which rank 1 of the run gives an element less than it should.
[[nodiscard]] std::optional<std::uint64_t> shorter_collective();
/// TOKENWERK_EMULATED_NCCL_HANGS: the collective, numbered likewise, that rank 1 of the run never
/// begins.
[[nodiscard]] std::optional<std::uint64_t> hanging_collective();

}  // namespace tokenwerk::emulator
