#pragma once
/// Kernel of core/ops/rope.h.

#include "core/cuda/kernels/array.h"

namespace tokenwerk::cuda {

/// Where the rows of a call stand and what turns them: row t of `turns` holds the cosines of
/// position t, then the sines, in the type of the sums.
struct RopeTurns {
  const void* turns;
  Index head_size, rows_per_sequence, token_offset;
};

enum class Turn { forth, back };

/// Turns x(N, H*D) in place.
[[nodiscard]] cudaError_t rope(cudaStream_t, Array x, const RopeTurns& how, Turn direction);

}  // namespace tokenwerk::cuda
