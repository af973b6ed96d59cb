#pragma once
/// Causal self-attention with its projections: Vaswani et al. 2017 (arXiv:1706.03762), section 3.2;
/// grouped queries after Ainslie et al. 2023 (arXiv:2305.13245).

#include <optional>

#include "core/nn/layer_factory.h"
#include "core/ops/attention.h"

namespace tokenwerk {

struct SelfAttentionOptions {
  std::string name;  ///< "blocks.0.attention": parameters name.q.weight, k, v, output
  Index block = 0;   ///< which block of a KvCache is ours
  Index width = 0;
  Index heads = 0;
  Index kv_heads = 0;
  std::optional<double> rope_theta;  ///< absent: positions are not turned in
  Bias bias = Bias::absent;
  double deviation = 0.02;
  double output_deviation = 0.02;
  DType dtype = DType::f32;
};

/// y(N,C) = attention(x wq^T, x wk^T, x wv^T) wo^T, with q, k and v from one product. The factory
/// says which heads are computed here. Saved between the passes: q, k, v, the heads' output and one
/// log-sum-exp a row and head.
class SelfAttention final : public Layer {
 public:
  explicit SelfAttention(const SelfAttentionOptions& options, const LayerFactory& layers = {});

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x, Saved& saved,
                      GradientSink* sink) override;
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

 private:
  enum Slot { kept_qkv, kept_heads, kept_stats, kept_dqkv };
  enum Child { qkv_child, output_child };
  template <typename View>
  struct QKV {
    View q, k, v;
  };
  template <typename View>
  [[nodiscard]] QKV<View> split(const View& qkv) const;
  [[nodiscard]] AttentionShape shape(const Run& run, Index rows) const;
  void turn(Run& run, TensorView x, void (*rope)(Stream&, TensorView, const struct Rope&)) const;
  /// dq, dk and dv; those of a kv head that several ranks hold are summed over them.
  void attend_backward(Run& run, TensorView dqkv, ConstTensorView dheads, ConstTensorView heads,
                       ConstTensorView qkv, ConstTensorView stats) const;
  /// Appends this run's keys and values to the cache and attends to all that it holds.
  void attend_cached(Run& run, TensorView heads, TensorView stats, ConstTensorView qkv) const;

  std::optional<double> rope_theta_;
  Index block_;
  Index head_size_;
  Index heads_;                       ///< here
  Index kv_heads_;                    ///< here
  LayerFactory::CopySum sum_copies_;  ///< empty: no other rank holds a kv head of this one
  std::unique_ptr<Layer> qkv_;
  std::unique_ptr<Layer> output_;
};

}  // namespace tokenwerk
