#pragma once
/// y = x w^T + b.

#include "core/nn/layer.h"

namespace tokenwerk {

enum class Bias { absent, present };

/// One of the weights that a linear layer holds side by side.
struct LinearPart {
  std::string name;  ///< "blocks.0.attention.q": the parameters are name.weight and name.bias
  Share outputs;     ///< the rows of the weight that this rank holds
};

struct LinearOptions {
  std::vector<LinearPart> parts;
  Share inputs;  ///< the columns
  Bias bias = Bias::absent;
  double deviation = 0.02;  ///< of the initial weights
  DType dtype = DType::f32;
};

/// y(N,F) = x(N,C) @ w(F,C)^T + b(F), where F counts the outputs of all parts: one product for all.
/// With shares of the global weight it is this rank's part of the product and knows of no other.
class Linear final : public Layer {
 public:
  explicit Linear(const LinearOptions& options);

  [[nodiscard]] const ParameterGroup& weight() const { return weight_; }

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x, Saved& saved,
                      GradientSink* sink) override;
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  /// The weight gradients at once, where dx is made elsewhere.
  void add_gradients(Run& run, ConstTensorView dy, ConstTensorView x, GradientSink& sink) const;
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

 private:
  enum Slot { kept_x, kept_dy };
  ParameterGroup weight_;
  ParameterGroup bias_;  ///< no parts: no bias
};

/// Bias parameters for these parts, named NAME.bias.
[[nodiscard]] ParameterGroup make_bias(const std::vector<LinearPart>& parts, DType dtype);
/// Gives the sink the gradient of a bias(F): the sum of the rows of dy(N,F).
void add_bias_gradient(Run& run, const ParameterGroup& bias, ConstTensorView dy,
                       GradientSink& sink);

}  // namespace tokenwerk
