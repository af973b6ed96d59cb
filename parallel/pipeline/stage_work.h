#pragma once
/// What the actions of a schedule do on one rank.

#include "core/tensor.h"

namespace tokenwerk {

/// When weight gradients are made.
enum class WeightGradients { at_once, later };

/// The stages of one rank. Views stay alive until the last backward of their stage and micro-batch.
class StageWork {
 public:
  StageWork() = default;
  StageWork(const StageWork&) = delete;
  StageWork& operator=(const StageWork&) = delete;
  virtual ~StageWork() = default;

  /// An array for what stages give each other.
  [[nodiscard]] virtual Tensor message() const = 0;
  /// y of a stage from x of the stage before. The first stage takes no x, the last one no y.
  virtual void forward(Index stage, Index microbatch, TensorView y, ConstTensorView x) = 0;
  /// dx of a stage from dy of the stage after it. The first stage takes no dx, the last one no dy.
  virtual void backward(Index stage, Index microbatch, TensorView dx, ConstTensorView dy,
                        WeightGradients when) = 0;
  /// The weight gradients of a stage whose backward left them for later.
  virtual void backward_weight(Index stage, Index microbatch) = 0;
};

}  // namespace tokenwerk
