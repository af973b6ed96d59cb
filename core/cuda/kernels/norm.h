#pragma once
/// Kernels of core/ops/norm.h. LayerNorm and RMSNorm are one code: RMSNorm is LayerNorm with a mean
/// of zero and no beta.

#include "core/cuda/kernels/columns.h"
#include "core/ops/operations.h"

namespace tokenwerk::cuda {

enum class Norm { layer, rms };

/// `beta` has no data where there is none.
[[nodiscard]] cudaError_t norm_forward(cudaStream_t, Norm kind, Array y, Array stats, ConstArray x,
                                       ConstArray gamma, ConstArray beta, double epsilon);
[[nodiscard]] cudaError_t norm_backward_input(cudaStream_t, Norm kind, Array dx, ConstArray dy,
                                              ConstArray x, ConstArray stats, ConstArray gamma,
                                              Write write);
/// `partials` is scratch in the type of the sums, of (column_chunks(N), 2 C) or, for an RMSNorm,
/// which has no dbeta, (column_chunks(N), C).
[[nodiscard]] cudaError_t norm_backward_weight(cudaStream_t, Norm kind, Array dgamma, Array dbeta,
                                               Array partials, ConstArray dy, ConstArray x,
                                               ConstArray stats, Write write);

}  // namespace tokenwerk::cuda
