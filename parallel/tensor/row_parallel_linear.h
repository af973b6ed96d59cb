#pragma once
/// A linear layer whose inputs are split over the tensor axis: Shoeybi et al. 2019
/// (arXiv:1909.08053), section 3.

#include "core/nn/linear.h"
#include "parallel/tensor/tensor_axis.h"

namespace tokenwerk {

/// y(N,F) = x(N, C here) @ w(F, C here)^T summed over the ranks, + b(F) once.
///
/// Forward: an all-reduce of y, or a reduce-scatter where tokens are sliced. Backward: nothing, or
/// an all-gather of dy, and another one for a delayed weight gradient: only the slice is kept. The
/// bias is the same on every rank.
class RowParallelLinear final : public LinearLayer {
 public:
  RowParallelLinear(const LinearOptions& options, TensorAxis& axis);

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x, Saved& saved,
                      GradientSink* sink) override;
  void backward_input_gelu(Run& run, TensorView dhidden, ConstTensorView dy, ConstTensorView hidden,
                           ConstTensorView x, Saved& saved, GradientSink* sink) override;
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

 private:
  enum Slot { kept_x, kept_dy };
  void add_or_keep(Run& run, ConstTensorView whole_dy, ConstTensorView dy, ConstTensorView x,
                   Saved& saved, GradientSink* sink) const;
  /// From all rows of dy, and the rows that this rank holds.
  void add_gradients(Run& run, ConstTensorView whole_dy, ConstTensorView dy, ConstTensorView x,
                     GradientSink& sink) const;

  TensorAxis* axis_;
  Linear product_;
  ParameterGroup bias_;  ///< no parts: no bias
};

}  // namespace tokenwerk
