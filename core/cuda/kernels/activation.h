#pragma once
/// Kernels of core/ops/activation.h.

#include "core/cuda/kernels/array.h"

namespace tokenwerk::cuda {

[[nodiscard]] cudaError_t gelu_forward(cudaStream_t, Array y, ConstArray x);
[[nodiscard]] cudaError_t gelu_backward(cudaStream_t, Array dx, ConstArray dy, ConstArray x);
[[nodiscard]] cudaError_t swiglu_forward(cudaStream_t, Array y, ConstArray gate, ConstArray up);
[[nodiscard]] cudaError_t swiglu_backward(cudaStream_t, Array dgate, Array dup, ConstArray dy,
                                          ConstArray gate, ConstArray up);

}  // namespace tokenwerk::cuda
