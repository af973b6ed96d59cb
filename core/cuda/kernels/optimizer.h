#pragma once
/// Kernels of core/ops/optimizer.h.

#include "core/cuda/kernels/array.h"

namespace tokenwerk::cuda {

/// Dense arrays of one count; `master` has no data where w is its own.
struct AdamWArrays {
  Array w, master, m, v;
  ConstArray gradient;
};
/// Scalars on the device that a step reads.
struct AdamWScalars {
  const double *learning_rate, *correction1, *correction2, *gradient_scale, *accepted;
};
struct AdamWOptions {
  double beta1, beta2, epsilon, weight_decay;
};
[[nodiscard]] cudaError_t adamw(cudaStream_t, const AdamWArrays& arrays,
                                const AdamWScalars& scalars, const AdamWOptions& options);

/// Elements of a row's tile that one warp sums.
inline constexpr Index square_piece = 4096;
/// `partials` is scratch, f64, of tiles * square_pieces(longest tile) elements where that is more
/// than one a tile.
[[nodiscard]] constexpr Index square_pieces(Index tile_columns) {
  return tile_columns <= square_piece ? 1 : (tile_columns + square_piece - 1) / square_piece;
}
[[nodiscard]] cudaError_t squared_norm_tiles(cudaStream_t, Array squares, double* partials,
                                             ConstArray x);

/// Scalars on the device that clipping writes.
struct ClipScalars {
  double *gradient_norm, *accepted, *gradient_scale;
};
/// As StepLimits.
struct ClipLimits {
  double clip, norm, loss;
};
/// `loss` may be null.
[[nodiscard]] cudaError_t clip_by_norm(cudaStream_t, const ClipScalars& scalars,
                                       const double* squared_norm, const double* loss,
                                       const ClipLimits& limits);

}  // namespace tokenwerk::cuda
