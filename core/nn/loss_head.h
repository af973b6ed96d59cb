#pragma once
/// The output projection and the loss as one object, so that the logits of the whole batch never
/// exist: forward keeps one log-sum-exp a token, backward makes the logits of a block of rows
/// again, and from them dx and dW together.

#include "core/nn/layer.h"

namespace tokenwerk {

class LossHead {
 public:
  /// The weight (V + padding, C) lives elsewhere: an Output's, or the token table where they are
  /// tied.
  LossHead(const ParameterGroup& weight, Index vocabulary)
      : weight_(&weight), vocabulary_(vocabulary) {}

  /// loss(N) and lse(N), in accumulation_type, from x(N,C) and i32 targets(N); masked targets give
  /// 0.
  void forward(Run& run, TensorView loss, TensorView lse, ConstTensorView x,
               ConstTensorView targets) const;
  /// dx(N,C) and the weight's gradient of scale * sum of the losses.
  void backward(Run& run, TensorView dx, GradientSink& sink, ConstTensorView x,
                ConstTensorView targets, ConstTensorView lse, double scale) const;
  /// logits(N, V + padding), in accumulation_type: for generating, a few rows at a time.
  void logits(Run& run, TensorView logits, ConstTensorView x) const;

  [[nodiscard]] Index vocabulary() const { return vocabulary_; }
  [[nodiscard]] Index padded_vocabulary() const { return weight_->value.rows(); }

 private:
  [[nodiscard]] Index block_rows(Index rows) const;

  const ParameterGroup* weight_;
  Index vocabulary_;
};

/// The weight of an untied output projection.
[[nodiscard]] ParameterGroup make_output_weight(Index vocabulary, Index padded_vocabulary,
                                                Index width, double deviation, DType dtype);

}  // namespace tokenwerk
