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

/// Which dim of the weight tensor parallelism cuts: sums over that dim are cut too, and in fixed
/// order have eight canonical chunks on any number of ranks.
enum class Cut { outputs, inputs };

struct LinearOptions {
  std::vector<LinearPart> parts;
  Share inputs;  ///< the columns
  Bias bias = Bias::absent;
  double deviation = 0.02;  ///< of the initial weights
  DType dtype = DType::f32;
  Cut cut = Cut::outputs;
  Index ranks = 1;  ///< over which the dim is cut
};

/// A linear layer, whole or a rank's part of one, that takes a GELU after or before it along: the
/// device may fuse the two (core/ops/matmul.h).
class LinearLayer : public Layer {
 public:
  /// hidden(N,F) = the layer's y, and active(N,F) = gelu(hidden).
  virtual void forward_gelu(Run& run, TensorView active, TensorView hidden, ConstTensorView x,
                            Saved& saved);
  /// backward_input for x(N,C) = gelu(hidden(N,C)): what it gives is dhidden(N,C).
  virtual void backward_input_gelu(Run& run, TensorView dhidden, ConstTensorView dy,
                                   ConstTensorView hidden, ConstTensorView x, Saved& saved,
                                   GradientSink* sink);
};

/// y(N,F) = x(N,C) @ w(F,C)^T + b(F), where F counts the outputs of all parts: one product for all.
/// With shares of the global weight it is this rank's part of the product and knows of no other.
class Linear final : public LinearLayer {
 public:
  explicit Linear(const LinearOptions& options);

  [[nodiscard]] const ParameterGroup& weight() const { return weight_; }
  /// dx(N,C), in x's type or accumulation_type. Parts that lie side by side in dy have these
  /// extents; none: as the options say.
  void input_gradient(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView weight,
                      std::array<Index, 4> parts) const;
  void input_gradient(Run& run, TensorView dx, ConstTensorView dy) const;
  /// dhidden(N,C) = dx * gelu'(hidden(N,C)).
  void input_gradient_gelu(Run& run, TensorView dhidden, ConstTensorView dy,
                           ConstTensorView hidden) const;

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void forward_gelu(Run& run, TensorView active, TensorView hidden, ConstTensorView x,
                    Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x, Saved& saved,
                      GradientSink* sink) override;
  void backward_input_gelu(Run& run, TensorView dhidden, ConstTensorView dy, ConstTensorView hidden,
                           ConstTensorView x, Saved& saved, GradientSink* sink) override;
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  /// The weight gradients at once, where dx is made elsewhere.
  void add_gradients(Run& run, ConstTensorView dy, ConstTensorView x, GradientSink& sink) const;
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

 private:
  enum Slot { kept_x, kept_dy };
  /// How the products of forward and of dx sum.
  [[nodiscard]] Matmul forward_sums(const Run& run) const;
  [[nodiscard]] Matmul input_sums(const Run& run, std::array<Index, 4> parts) const;
  [[nodiscard]] std::array<Index, 4> own_parts() const;
  void add_or_keep(Run& run, ConstTensorView dy, ConstTensorView x, Saved& saved,
                   GradientSink* sink) const;

  Cut cut_;
  Index chunks_;  ///< of the eight, here
  ParameterGroup weight_;
  ParameterGroup bias_;  ///< no parts: no bias
};

/// Bias parameters for these parts, named NAME.bias.
[[nodiscard]] ParameterGroup make_bias(const std::vector<LinearPart>& parts, DType dtype);
/// Gives the sink the gradient of a bias(F): the sum of the rows of dy(N,F).
void add_bias_gradient(Run& run, const ParameterGroup& bias, ConstTensorView dy,
                       GradientSink& sink);

}  // namespace tokenwerk
