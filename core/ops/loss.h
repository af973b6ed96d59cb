#pragma once
/// Cross-entropy over the vocabulary, for a block of rows whose logits are at hand.

#include "core/ops/check.h"

namespace tokenwerk {

/// A target that does not count: its loss and gradient are zero.
inline constexpr std::int32_t masked_target = -1;

/// loss(N) = lse(N) - logits(N,V)[targets(N)], lse = log sum exp over the first `vocabulary`
/// columns (the others are padding). loss and lse are in accumulation_type, as the logits are.
void cross_entropy_forward(Stream&, TensorView loss, TensorView lse, ConstTensorView logits,
                           ConstTensorView targets, Index vocabulary);

/// dlogits(N,V) = scale * (softmax(logits) - one_hot(targets)); padding columns and masked rows
/// receive zeros. dlogits may be logits, or a bf16 array.
void cross_entropy_backward(Stream&, TensorView dlogits, ConstTensorView logits,
                            ConstTensorView lse, ConstTensorView targets, Index vocabulary,
                            double scale);

class LossOps {
 public:
  virtual ~LossOps() = default;
  virtual void do_cross_entropy_forward(Stream&, TensorView loss, TensorView lse,
                                        ConstTensorView logits, ConstTensorView targets,
                                        Index vocabulary) = 0;
  virtual void do_cross_entropy_backward(Stream&, TensorView dlogits, ConstTensorView logits,
                                         ConstTensorView lse, ConstTensorView targets,
                                         Index vocabulary, double scale) = 0;
};

}  // namespace tokenwerk
