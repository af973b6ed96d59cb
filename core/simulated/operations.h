#pragma once
/// Operations that do nothing: arrays of the simulated device hold no values.

#include "core/ops/activation.h"
#include "core/ops/attention.h"
#include "core/ops/elementwise.h"
#include "core/ops/embedding.h"
#include "core/ops/loss.h"
#include "core/ops/matmul.h"
#include "core/ops/norm.h"
#include "core/ops/operations.h"
#include "core/ops/optimizer.h"
#include "core/ops/random.h"
#include "core/ops/rope.h"

namespace tokenwerk::simulated {

class MatmulNothing final : public MatmulOps {
  void do_matmul(Stream&, TensorView, ConstTensorView, ConstTensorView, ConstTensorView,
                 Matmul) override {}
  void do_matmul_backward_input(Stream&, TensorView, ConstTensorView, ConstTensorView,
                                Matmul) override {}
  void do_matmul_backward_weight(Stream&, TensorView, ConstTensorView, ConstTensorView,
                                 Matmul) override {}
  void do_bias_backward(Stream&, TensorView, ConstTensorView, Matmul) override {}
};

class NormNothing final : public NormOps {
  void do_layer_norm_forward(Stream&, TensorView, TensorView, ConstTensorView, ConstTensorView,
                             ConstTensorView, double) override {}
  void do_layer_norm_backward_input(Stream&, TensorView, ConstTensorView, ConstTensorView,
                                    ConstTensorView, ConstTensorView, Write) override {}
  void do_layer_norm_backward_weight(Stream&, TensorView, TensorView, ConstTensorView,
                                     ConstTensorView, ConstTensorView, Write) override {}
  void do_rms_norm_forward(Stream&, TensorView, TensorView, ConstTensorView, ConstTensorView,
                           double) override {}
  void do_rms_norm_backward_input(Stream&, TensorView, ConstTensorView, ConstTensorView,
                                  ConstTensorView, ConstTensorView, Write) override {}
  void do_rms_norm_backward_weight(Stream&, TensorView, ConstTensorView, ConstTensorView,
                                   ConstTensorView, Write) override {}
};

class ActivationNothing final : public ActivationOps {
  void do_gelu_forward(Stream&, TensorView, ConstTensorView) override {}
  void do_gelu_backward(Stream&, TensorView, ConstTensorView, ConstTensorView) override {}
  void do_swiglu_forward(Stream&, TensorView, ConstTensorView, ConstTensorView) override {}
  void do_swiglu_backward(Stream&, TensorView, TensorView, ConstTensorView, ConstTensorView,
                          ConstTensorView) override {}
};

class RopeNothing final : public RopeOps {
  void do_rope_forward(Stream&, TensorView, const Rope&) override {}
  void do_rope_backward(Stream&, TensorView, const Rope&) override {}
};

class EmbeddingNothing final : public EmbeddingOps {
  void do_embedding_forward(Stream&, TensorView, ConstTensorView, ConstTensorView, Index) override {
  }
  void do_embedding_backward(Stream&, TensorView, ConstTensorView, ConstTensorView, Write,
                             Index) override {}
  void do_position_embedding_forward(Stream&, TensorView, ConstTensorView, Positions) override {}
  void do_position_embedding_backward(Stream&, TensorView, ConstTensorView, Positions,
                                      Write) override {}
};

class AttentionNothing final : public AttentionOps {
  void do_attention_forward(Stream&, TensorView, TensorView, ConstTensorView, ConstTensorView,
                            ConstTensorView, const AttentionShape&) override {}
  void do_attention_backward(Stream&, TensorView, TensorView, TensorView, ConstTensorView,
                             ConstTensorView, ConstTensorView, ConstTensorView, ConstTensorView,
                             ConstTensorView, const AttentionShape&) override {}
};

class LossNothing final : public LossOps {
  void do_cross_entropy_forward(Stream&, TensorView, TensorView, ConstTensorView, ConstTensorView,
                                Index) override {}
  void do_cross_entropy_share(Stream&, TensorView, ConstTensorView, ConstTensorView,
                              const VocabularyShare&) override {}
  void do_cross_entropy_combine(Stream&, TensorView, TensorView, ConstTensorView,
                                ConstTensorView) override {}
  void do_cross_entropy_backward(Stream&, TensorView, ConstTensorView, ConstTensorView,
                                 ConstTensorView, Index, double, Index) override {}
};

class ElementwiseNothing final : public ElementwiseOps {
  void do_add(Stream&, TensorView, ConstTensorView, ConstTensorView) override {}
  void do_add_row(Stream&, TensorView, ConstTensorView) override {}
  void do_convert(Stream&, TensorView, ConstTensorView) override {}
  void do_fill(Stream&, TensorView, double) override {}
  void do_scale(Stream&, TensorView, double) override {}
  void do_row_sums(Stream&, TensorView, ConstTensorView) override {}
  void do_exact_add(Stream&, TensorView, ConstTensorView) override {}
  void do_exact_total(Stream&, TensorView, ConstTensorView) override {}
};

class OptimizerNothing final : public OptimizerOps {
  void do_adamw(Stream&, TensorView, TensorView, TensorView, TensorView, ConstTensorView,
                ConstTensorView, const AdamW&) override {}
  void do_squared_norm_tiles(Stream&, TensorView, ConstTensorView) override {}
  void do_clip_by_norm(Stream&, TensorView, ConstTensorView, ConstTensorView,
                       const StepLimits&) override {}
};

class RandomNothing final : public RandomOps {
  void do_fill_normal(Stream&, TensorView, const NormalFill&) override {}
};
/// One of each family.
class NoOperations {
 public:
  [[nodiscard]] const Operations& table() const { return table_; }

 private:
  MatmulNothing matmul_;
  NormNothing norm_;
  ActivationNothing activation_;
  RopeNothing rope_;
  EmbeddingNothing embedding_;
  AttentionNothing attention_;
  LossNothing loss_;
  ElementwiseNothing elementwise_;
  OptimizerNothing optimizer_;
  RandomNothing random_;
  Operations table_{&matmul_,    &norm_, &activation_,  &rope_,      &embedding_,
                    &attention_, &loss_, &elementwise_, &optimizer_, &random_};
};

}  // namespace tokenwerk::simulated
