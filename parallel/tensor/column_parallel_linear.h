#pragma once
/// A linear layer whose outputs are split over the tensor axis: Shoeybi et al. 2019
/// (arXiv:1909.08053), section 3.

#include "core/nn/linear.h"
#include "parallel/tensor/tensor_axis.h"

namespace tokenwerk {

/// y(N, F here) = x(N,C) @ w(F here, C)^T + b(F here).
///
/// Forward: nothing, or an all-gather of x where tokens are sliced. Backward: dx is the sum over
/// the ranks (all-reduce, or reduce-scatter), which runs beside the weight gradient where a sink is
/// given; a slice of x is gathered again, beside the product that makes dx, so that only the slice
/// is kept. Where several ranks hold the same outputs (kv heads), they give the same dy there, and
/// each takes its share of those columns into dx.
class ColumnParallelLinear final : public LinearLayer {
 public:
  ColumnParallelLinear(const LinearOptions& options, TensorAxis& axis);

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void forward_gelu(Run& run, TensorView active, TensorView hidden, ConstTensorView x,
                    Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x, Saved& saved,
                      GradientSink* sink) override;
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

 private:
  enum Slot { kept_x, kept_dy };
  [[nodiscard]] bool has_copies() const;
  /// This rank's summand of dx: a shared head's columns are divided among the ranks that hold it.
  void input_product(Run& run, TensorView dx, ConstTensorView dy) const;

  TensorAxis* axis_;
  Linear product_;
};

}  // namespace tokenwerk
