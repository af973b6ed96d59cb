#pragma once
/// The gradient of a bias (core/ops/matmul.h): the one part of the products' family that is a
/// kernel of our own.

#include "core/cuda/kernels/columns.h"
#include "core/ops/operations.h"

namespace tokenwerk::cuda {

/// dbias(F) = or += the sums over the rows of dy(N,F). `partials` is scratch in dbias's type, of
/// (column_chunks(N), F).
[[nodiscard]] cudaError_t bias_backward(cudaStream_t, Array dbias, Array partials, ConstArray dy,
                                        Write write);

}  // namespace tokenwerk::cuda
