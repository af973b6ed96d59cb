#pragma once
/// The feed-forward part of a block.

#include "core/nn/linear.h"

namespace tokenwerk {

enum class MlpKind { gelu, swiglu };

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
};

/// y(N,C) = a(x) down^T with a = gelu(x up^T), or silu(x gate^T) * (x up^T), gate and up being one
/// product.
class Mlp final : public Layer {
 public:
  explicit Mlp(const MlpOptions& options);

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                      Saved& saved) override;
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

 private:
  enum Slot { kept_hidden, kept_active, kept_dhidden };
  enum Child { up_child, down_child };
  MlpKind kind_;
  Linear up_;  ///< gate and up side by side for SwiGLU
  Linear down_;
};

}  // namespace tokenwerk
