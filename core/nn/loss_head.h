#pragma once
/// The output projection and the loss as one object, so that the logits of the whole batch never
/// exist: forward keeps one log-sum-exp a token, backward makes the logits of a block of rows
/// again, and from them dx and dW together.

#include "core/nn/layer.h"
#include "core/ops/loss.h"

namespace tokenwerk {

class LossHead {
 public:
  LossHead() = default;
  LossHead(const LossHead&) = delete;
  LossHead& operator=(const LossHead&) = delete;
  virtual ~LossHead() = default;

  /// loss(N) and lse(N), in accumulation_type, from x(N,C) and i32 targets(N); masked targets give
  /// 0.
  virtual void forward(Run& run, TensorView loss, TensorView lse, ConstTensorView x,
                       ConstTensorView targets) const = 0;
  /// dx(N,C) and the weight's gradient of scale * sum of the losses.
  virtual void backward(Run& run, TensorView dx, GradientSink& sink, ConstTensorView x,
                        ConstTensorView targets, ConstTensorView lse, double scale) const = 0;
  /// logits(N, V here), in accumulation_type: for generating, a few rows at a time.
  virtual void logits(Run& run, TensorView logits, ConstTensorView x) const = 0;
  /// Columns of those logits: V and padding.
  [[nodiscard]] virtual Index columns() const = 0;
};

/// Logits of the rows of a table, a block of the batch's rows at a time: what the heads share.
class LogitBlocks {
 public:
  /// The weight (rows of V padded, C) lives elsewhere: an output projection's, or the token table's
  /// where they are tied. Its rows begin at this token, and are one of so many equal shares.
  LogitBlocks(const ParameterGroup& weight, Index vocabulary, Index first_token, Index ranks)
      : weight_(&weight), vocabulary_(vocabulary), first_token_(first_token), ranks_(ranks) {}

  [[nodiscard]] Index vocabulary() const { return vocabulary_; }
  [[nodiscard]] Index first_token() const { return first_token_; }
  [[nodiscard]] Index columns() const { return weight_->value.rows(); }

  void logits(Run& run, TensorView logits, ConstTensorView x) const;
  /// Which columns these are; in fixed order, in how many of the eight chunks of the vocabulary.
  [[nodiscard]] VocabularyShare share(const Run& run) const;
  using Body = std::function<void(Rows rows, TensorView logits)>;
  /// Calls body with the logits of each block of x's rows, in order.
  void for_each(Run& run, ConstTensorView x, const Body& body) const;
  /// dx(N,C), in x's type or accumulation_type, and the weight's gradient.
  void backward(Run& run, TensorView dx, GradientSink& sink, ConstTensorView x,
                ConstTensorView targets, ConstTensorView lse, double scale) const;

 private:
  [[nodiscard]] Index block_rows(const ConstTensorView& x) const;

  const ParameterGroup* weight_;
  Index vocabulary_;
  Index first_token_;
  Index ranks_;
};

/// The head of one rank that holds the whole vocabulary.
class PlainLossHead final : public LossHead {
 public:
  PlainLossHead(const ParameterGroup& weight, Index vocabulary)
      : blocks_(weight, vocabulary, 0, 1) {}

  void forward(Run& run, TensorView loss, TensorView lse, ConstTensorView x,
               ConstTensorView targets) const override;
  void backward(Run& run, TensorView dx, GradientSink& sink, ConstTensorView x,
                ConstTensorView targets, ConstTensorView lse, double scale) const override;
  void logits(Run& run, TensorView logits, ConstTensorView x) const override;
  [[nodiscard]] Index columns() const override { return blocks_.columns(); }

 private:
  LogitBlocks blocks_;
};

}  // namespace tokenwerk
