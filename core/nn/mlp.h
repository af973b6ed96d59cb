#pragma once
/// The feed-forward part of a block.

#include "core/nn/layer_factory.h"

namespace tokenwerk {

enum class MlpKind { gelu, swiglu };

/// What a block keeps from forward to backward. `selective` makes what is cheap and large again:
/// norm outputs, activations and the gated product. `full` keeps the block's input alone.
/// Korthikanti et al. 2022 (arXiv:2205.05198), section 5; Chen et al. 2016 (arXiv:1604.06174).
enum class Recompute { none, selective, full };

struct MlpOptions {
  MlpKind kind = MlpKind::gelu;
  std::string name;  ///< "blocks.0.mlp": parameters name.up.weight, name.down.weight, and
                     ///< name.gate.weight for SwiGLU
  Index width = 0;
  Index ffn_width = 0;
  Bias bias = Bias::absent;
  double deviation = 0.02;
  double output_deviation = 0.02;
  DType dtype = DType::f32;
  Recompute recompute = Recompute::none;
};

/// y(N,C) = a(x) down^T with a = gelu(x up^T), or silu(x gate^T) * (x up^T), gate and up being one
/// product. The factory says which of the F columns are computed here.
class Mlp final : public Layer {
 public:
  explicit Mlp(const MlpOptions& options, const LayerFactory& layers = {});

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x, Saved& saved,
                      GradientSink* sink) override;
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

 private:
  enum Slot { kept_hidden, kept_active, kept_dhidden };
  enum Child { up_child, down_child };
  /// active(N, F here) from hidden.
  void activate(Run& run, TensorView active, ConstTensorView hidden) const;
  /// hidden and active(N, F here) from x(N,C); returns active.
  TensorView hidden_forward(Run& run, ConstTensorView x, Saved& saved);
  /// dhidden from dy(N,C), through the activation.
  void hidden_backward(Run& run, TensorView dhidden, ConstTensorView dy, Saved& saved,
                       GradientSink* sink);

  MlpKind kind_;
  Recompute recompute_;
  Index ffn_width_;                  ///< here
  std::unique_ptr<LinearLayer> up_;  ///< gate and up side by side for SwiGLU
  std::unique_ptr<LinearLayer> down_;
};

}  // namespace tokenwerk
