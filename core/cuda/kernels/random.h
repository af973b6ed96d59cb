#pragma once
/// Kernel of core/ops/random.h.

#include "core/cuda/kernels/array.h"

namespace tokenwerk::cuda {

/// Which normal numbers: element (r, c) of the array has index (row_offset + r) * global_columns +
/// column_offset + c of the stream.
struct NormalNumbers {
  std::uint64_t seed, stream;
  Index global_columns, row_offset, column_offset;
  double deviation;
};

[[nodiscard]] cudaError_t fill_normal(cudaStream_t, Array x, const NormalNumbers& numbers);

}  // namespace tokenwerk::cuda
