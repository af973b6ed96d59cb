#pragma once
/// Kernels of core/ops/elementwise.h. Each function starts its kernel on the stream and returns the
/// launch's status; shapes and dtypes are those of the operation.

#include "core/cuda/kernels/array.h"

namespace tokenwerk::cuda {

[[nodiscard]] cudaError_t add(cudaStream_t, Array y, ConstArray a, ConstArray b);
[[nodiscard]] cudaError_t add_row(cudaStream_t, Array y, ConstArray row);
[[nodiscard]] cudaError_t convert(cudaStream_t, Array y, ConstArray x);
[[nodiscard]] cudaError_t fill(cudaStream_t, Array y, double value);
[[nodiscard]] cudaError_t scale(cudaStream_t, Array y, double factor);
[[nodiscard]] cudaError_t row_sums(cudaStream_t, Array sums, ConstArray x);
/// `sum` and `total` as core/exact_sum.h has them.
[[nodiscard]] cudaError_t exact_add(cudaStream_t, Array sum, ConstArray x);
[[nodiscard]] cudaError_t exact_total(cudaStream_t, Array total, ConstArray sum);

}  // namespace tokenwerk::cuda
