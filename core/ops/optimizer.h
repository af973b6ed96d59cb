#pragma once
/// AdamW over flat buffers, and the global gradient norm. A step never reads the device: what
/// changes from step to step stands in an array of scalars on the device.

#include <limits>

#include "core/ops/check.h"

namespace tokenwerk {

/// Elements of the scalars array, f64 (8): what the optimizer kernels read.
enum class StepScalar : int {
  learning_rate,   ///< of this step
  correction1,     ///< 1 - beta1^step
  correction2,     ///< 1 - beta2^step
  gradient_scale,  ///< what gradients are multiplied with: the clip factor
  gradient_norm,   ///< before clipping
  accepted,        ///< 1, or 0: then nothing is updated
  count
};
inline constexpr Index step_scalar_count = 8;

struct AdamW {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.0;  ///< of this array: zero for vectors
};

/// One step of AdamW with decoupled decay: Loshchilov, Hutter 2019 (arXiv:1711.05101), algorithm 2
/// (with the learning rate as its schedule multiplier times alpha, as PyTorch has it).
/// All arrays dense with the same count. `master`, m, v and gradient are in
/// accumulation_type(w.dtype); `master` is empty where w itself is in that type, otherwise w
/// receives the master rounded. Reads learning_rate, correction1, correction2, gradient_scale and
/// accepted of `scalars`.
void adamw(Stream&, TensorView w, TensorView master, TensorView m, TensorView v,
           ConstTensorView gradient, ConstTensorView scalars, const AdamW& options);

/// squares(N,S), f64: the sums of squares of x(N,C) in S tiles a row, tile i being its columns from
/// floor(i C / S) on, each in an order that its own elements alone decide. Their exact sum does not
/// depend on how an array is cut along rows or tiles.
void squared_norm_tiles(Stream&, TensorView squares, ConstTensorView x);

/// What a step is measured by before anything is updated.
struct StepLimits {
  double clip = 0.0;  ///< norm that a larger gradient is scaled down to; 0: no clipping
  /// The largest that are accepted; what is no finite number never is.
  double norm = std::numeric_limits<double>::infinity();
  double loss = std::numeric_limits<double>::infinity();
};

/// From the sum of squares of the whole gradient (1) and the loss (1; empty: not looked at), f64:
/// writes gradient_norm, accepted, and gradient_scale = min(1, clip / norm) to `scalars`.
void clip_by_norm(Stream&, TensorView scalars, ConstTensorView squared_norm, ConstTensorView loss,
                  const StepLimits& limits);

class OptimizerOps {
 public:
  virtual ~OptimizerOps() = default;
  virtual void do_adamw(Stream&, TensorView w, TensorView master, TensorView m, TensorView v,
                        ConstTensorView gradient, ConstTensorView scalars,
                        const AdamW& options) = 0;
  virtual void do_squared_norm_tiles(Stream&, TensorView squares, ConstTensorView x) = 0;
  virtual void do_clip_by_norm(Stream&, TensorView scalars, ConstTensorView squared_norm,
                               ConstTensorView loss, const StepLimits& limits) = 0;
};

}  // namespace tokenwerk
