#pragma once
/// Kernels of core/ops/embedding.h.

#include "core/cuda/kernels/token_order.h"
#include "core/ops/operations.h"

namespace tokenwerk::cuda {

/// Where the rows of a batch stand in their sequences.
struct RowPositions {
  Index rows_per_sequence, token_offset, first_row;
};

[[nodiscard]] cudaError_t embedding_forward(cudaStream_t, Array y, ConstArray tokens,
                                            ConstArray table, Index first_token);
/// The rows of dy in the order of dtable's.
[[nodiscard]] cudaError_t embedding_backward(cudaStream_t, Array dtable, ConstArray dy,
                                             const TokenOrder& order, Write write);
[[nodiscard]] cudaError_t position_embedding_forward(cudaStream_t, Array y, ConstArray table,
                                                     const RowPositions& positions);
[[nodiscard]] cudaError_t position_embedding_backward(cudaStream_t, Array dtable, ConstArray dy,
                                                      const RowPositions& positions, Write write);

}  // namespace tokenwerk::cuda
