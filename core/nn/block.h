#pragma once
/// One block of a decoder: attention and feed-forward, each behind a norm and around a residual.

#include "core/nn/attention.h"
#include "core/nn/mlp.h"

namespace tokenwerk {

struct BlockOptions {
  NormOptions attention_norm;
  SelfAttentionOptions attention;
  NormOptions mlp_norm;
  MlpOptions mlp;
  Recompute recompute = Recompute::none;
};

/// h = x + attention(norm(x)); y = h + mlp(norm(h)): the pre-norm form of GPT-2 and Llama.
/// Saved for backward, per token in units of the width C (GPT, F = 4C): two norms 2, q k v 3, heads
/// 1, residual 1, hidden and active 8; with selective recomputation 3 + 1 + 1 + 4; with full 0.
class Block final : public Layer {
 public:
  explicit Block(const BlockOptions& options, const LayerFactory& layers = {});

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x, Saved& saved,
                      GradientSink* sink) override;
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

 private:
  enum Slot {
    kept_attention_input,
    kept_residual,
    kept_mlp_input,
    kept_dattention_input,
    kept_dresidual,
    kept_dmlp_input
  };
  enum Child { attention_norm_child, attention_child, mlp_norm_child, mlp_child };
  /// Everything that backward needs, whatever the policy.
  void forward_saving(Run& run, TensorView y, ConstTensorView x, Saved& saved);
  /// The norm's output from x again, where the policy let it go.
  [[nodiscard]] ConstTensorView norm_output(Run& run, Norm& norm, ConstTensorView x, Saved& saved,
                                            Slot slot, Child child);

  Recompute recompute_;
  std::unique_ptr<Norm> attention_norm_;
  SelfAttention attention_;
  std::unique_ptr<Norm> mlp_norm_;
  Mlp mlp_;
};

}  // namespace tokenwerk
