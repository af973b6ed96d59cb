#pragma once
/// Cross-entropy over the vocabulary, for a block of rows whose logits are at hand: all of them, or
/// one of several shares of the vocabulary's columns (Shoeybi et al. 2019, Megatron-LM,
/// arXiv:1909.08053, section 3).

#include "core/ops/check.h"

namespace tokenwerk {

/// A target that does not count: its loss and gradient are zero.
inline constexpr std::int32_t masked_target = -1;

/// loss(N) = lse(N) - logits(N,V)[targets(N)], lse = log sum exp over the first `vocabulary`
/// columns (the others are padding). loss and lse are in accumulation_type, as the logits are.
void cross_entropy_forward(Stream&, TensorView loss, TensorView lse, ConstTensorView logits,
                           ConstTensorView targets, Index vocabulary);

/// Which columns of the vocabulary an array of logits holds.
struct VocabularyShare {
  Index vocabulary = 0;    ///< tokens in all; columns of tokens past it are padding
  Index first_column = 0;  ///< the token of the array's first column
  /// A power of two. The share is cut into so many chunks, chunk i being its columns from
  /// floor(i V / chunks) on. Shares of equal width whose chunks add up to the same number give the
  /// same bits, whatever the number of shares.
  Index chunks = 1;
};

/// partial(N,2), in the logits' type, from this share's logits(N,V): the log-sum-exp of its columns
/// (minus infinity if all are padding), and the target's logit, or 0 where the target is masked or
/// another share's. Chunks are joined by a binary tree of log(exp(a) + exp(b)).
void cross_entropy_share(Stream&, TensorView partial, ConstTensorView logits,
                         ConstTensorView targets, const VocabularyShare& share);

/// loss(N) and lse(N) as cross_entropy_forward gives them (the loss to an epsilon of lse), from the
/// partials(P*N,2) of all P shares one after another, as an all-gather leaves them. Shares are
/// joined by the binary tree over their index (two halves, the first being the largest power of two
/// below the count), so that it continues the tree over the chunks.
void cross_entropy_combine(Stream&, TensorView loss, TensorView lse, ConstTensorView partials,
                           ConstTensorView targets);

/// dlogits(N,V) = scale * (softmax(logits) - one_hot(targets)); columns of tokens past the
/// vocabulary and masked rows receive zeros. The logits are the columns first_column ..
/// first_column + V of the vocabulary; a target outside them has no one here. dlogits may be
/// logits, or a bf16 array.
void cross_entropy_backward(Stream&, TensorView dlogits, ConstTensorView logits,
                            ConstTensorView lse, ConstTensorView targets, Index vocabulary,
                            double scale, Index first_column = 0);

class LossOps {
 public:
  virtual ~LossOps() = default;
  virtual void do_cross_entropy_forward(Stream&, TensorView loss, TensorView lse,
                                        ConstTensorView logits, ConstTensorView targets,
                                        Index vocabulary) = 0;
  virtual void do_cross_entropy_share(Stream&, TensorView partial, ConstTensorView logits,
                                      ConstTensorView targets, const VocabularyShare& share) = 0;
  virtual void do_cross_entropy_combine(Stream&, TensorView loss, TensorView lse,
                                        ConstTensorView partials, ConstTensorView targets) = 0;
  virtual void do_cross_entropy_backward(Stream&, TensorView dlogits, ConstTensorView logits,
                                         ConstTensorView lse, ConstTensorView targets,
                                         Index vocabulary, double scale, Index first_column) = 0;
};

}  // namespace tokenwerk
