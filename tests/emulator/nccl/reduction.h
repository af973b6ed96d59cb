#pragma once
/// The arithmetic of reductions.

#include <nccl.h>

#include <cstddef>

namespace tokenwerk::emulator {

/// Combines `bytes` of elements into `sum`. Half-precision sums round at every step, as they do
/// when they travel from rank to rank.
void combine(std::byte* sum, const std::byte* more, std::size_t bytes, ncclDataType_t type,
             ncclRedOp_t operation);

/// Divides sums by the number of ranks: the last step of an average.
void divide(std::byte* sum, std::size_t bytes, ncclDataType_t type, int ranks);

}  // namespace tokenwerk::emulator
