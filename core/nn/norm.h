#pragma once
/// Normalisation layers (core/ops/norm.h has the formulas).

#include "core/nn/layer.h"

namespace tokenwerk {

enum class NormKind { layer_norm, rms_norm };

struct NormOptions {
  NormKind kind = NormKind::layer_norm;
  std::string name;  ///< the parameters are name.weight and, for LayerNorm, name.bias
  Index width = 0;
  double epsilon = 1e-5;
  DType dtype = DType::f32;
};

/// y(N,C) = norm(x(N,C)), weights starting at one, biases at zero.
class Norm final : public Layer {
 public:
  explicit Norm(const NormOptions& options);

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x, Saved& saved,
                      GradientSink* sink) override;
  /// The same; `accumulate` adds to dx, which then is the gradient of the residual stream.
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x, Saved& saved,
                      GradientSink* sink, Write write);
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

 private:
  enum Slot { kept_stats, kept_x, kept_dy };
  NormOptions options_;
  ParameterGroup parameters_;  ///< weight and bias, one after the other
  [[nodiscard]] ConstTensorView weight() const { return parameters_.parts[0].value; }
  [[nodiscard]] ConstTensorView bias() const { return parameters_.parts[1].value; }
};

}  // namespace tokenwerk
