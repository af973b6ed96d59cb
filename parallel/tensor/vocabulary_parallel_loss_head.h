#pragma once
/// The loss over a vocabulary that is split over the tensor axis: Shoeybi et al. 2019
/// (arXiv:1909.08053), section 3. Logits are never gathered.

#include "core/nn/loss_head.h"
#include "parallel/tensor/tensor_axis.h"

namespace tokenwerk {

/// As PlainLossHead, each rank with the logits of its share of the tokens. Forward: x is gathered
/// where tokens are sliced, and two figures a row travel (the share's log-sum-exp and the target's
/// logit), once a micro-batch. Backward: dx is summed over the ranks.
class VocabularyParallelLossHead final : public LossHead {
 public:
  /// `table` holds the axis' share of the padded vocabulary's rows.
  VocabularyParallelLossHead(const ParameterGroup& table, Index vocabulary, Index first_token,
                             TensorAxis& axis)
      : axis_(&axis), blocks_(table, vocabulary, first_token, axis.size()) {}

  /// loss and lse are of all rows, the same on every rank.
  void forward(Run& run, TensorView loss, TensorView lse, ConstTensorView x,
               ConstTensorView targets) const override;
  void backward(Run& run, TensorView dx, GradientSink& sink, ConstTensorView x,
                ConstTensorView targets, ConstTensorView lse, double scale) const override;
  void logits(Run& run, TensorView logits, ConstTensorView x) const override;
  [[nodiscard]] Index columns() const override { return blocks_.columns(); }

 private:
  TensorAxis* axis_;
  LogitBlocks blocks_;
};

}  // namespace tokenwerk
