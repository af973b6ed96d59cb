#pragma once
/// y = x w^T + b.

#include "core/nn/layer.h"

namespace tokenwerk {

enum class Bias { absent, present };

/// One of the weights that a linear layer holds side by side.
struct LinearPart {
  std::string name;  ///< "blocks.0.attention.q": the parameters are name.weight and name.bias
  Index outputs = 0;
};

struct LinearOptions {
  std::vector<LinearPart> parts;
  Index inputs = 0;
  Bias bias = Bias::absent;
  double deviation = 0.02;  ///< of the initial weights
  DType dtype = DType::f32;
};

/// y(N,F) = x(N,C) @ w(F,C)^T + b(F), where F counts the outputs of all parts: one product for all.
class Linear final : public Layer {
 public:
  explicit Linear(const LinearOptions& options);

  [[nodiscard]] Index inputs() const { return inputs_; }
  [[nodiscard]] Index outputs() const { return outputs_; }

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                      Saved& saved) override;
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

 private:
  enum Slot { kept_x, kept_dy };
  Index inputs_;
  Index outputs_ = 0;
  ParameterGroup weight_;
  ParameterGroup bias_;  ///< no parts: no bias
};

}  // namespace tokenwerk
