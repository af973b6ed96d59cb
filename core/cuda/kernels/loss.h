#pragma once
/// Kernels of core/ops/loss.h. Targets, losses and log-sum-exps are dense vectors.

#include "core/cuda/kernels/array.h"

namespace tokenwerk::cuda {

/// Which columns of the vocabulary an array of logits holds, and in how many chunks a share of them
/// is summed.
struct LossColumns {
  Index vocabulary, first_column, chunks;
};

[[nodiscard]] cudaError_t cross_entropy_forward(cudaStream_t, Array loss, Array lse,
                                                ConstArray logits, ConstArray targets,
                                                Index vocabulary);
[[nodiscard]] cudaError_t cross_entropy_share(cudaStream_t, Array partial, ConstArray logits,
                                              ConstArray targets, const LossColumns& share);
/// `rows` losses from the partials of all shares.
[[nodiscard]] cudaError_t cross_entropy_combine(cudaStream_t, Array loss, Array lse,
                                                ConstArray partials, ConstArray targets,
                                                Index rows);
[[nodiscard]] cudaError_t cross_entropy_backward(cudaStream_t, Array dlogits, ConstArray logits,
                                                 ConstArray lse, ConstArray targets,
                                                 const LossColumns& columns, double scale);

}  // namespace tokenwerk::cuda
