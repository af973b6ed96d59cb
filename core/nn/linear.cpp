#include "core/nn/linear.h"

#include <algorithm>

#include "core/ops/activation.h"
#include "core/ops/matmul.h"

namespace tokenwerk {

ParameterGroup make_bias(const std::vector<LinearPart>& parts, DType dtype) {
  ParameterGroup bias;
  bias.dtype = dtype;
  for (const auto& [name, outputs] : parts) {
    bias.parts.push_back({.name = name + ".bias",
                          .global_shape = {outputs.whole},
                          .box = {{outputs.first}, {outputs.count}},
                          .initial = {},
                          .copies = outputs.copies,
                          .copy = outputs.copy});
  }
  return bias;
}

void add_bias_gradient(Run& run, const ParameterGroup& bias, ConstTensorView dy,
                       GradientSink& sink) {
  sink.add(run, bias, dy.rows(), [&](TensorView dbias, Rows rows, Write write) {
    bias_backward(run.stream, dbias, dy.slice_rows(rows), {write});
  });
}

void LinearLayer::forward_gelu(Run& run, TensorView active, TensorView hidden, ConstTensorView x,
                               Saved& saved) {
  forward(run, hidden, x, saved);
  gelu_forward(run.stream, active, hidden);
}

void LinearLayer::backward_input_gelu(Run& run, TensorView dhidden, ConstTensorView dy,
                                      ConstTensorView hidden, ConstTensorView x, Saved& saved,
                                      GradientSink* sink) {
  backward_input(run, dhidden, dy, x, saved, sink);
  gelu_backward(run.stream, dhidden, dhidden, hidden);
}

Linear::Linear(const LinearOptions& options)
    : cut_(options.cut), chunks_(std::max<Index>(1, Matmul::most_chunks / options.ranks)) {
  const Share& inputs = options.inputs;
  weight_.dtype = options.dtype;
  for (const auto& [name, outputs] : options.parts) {
    weight_.parts.push_back({.name = name + ".weight",
                             .global_shape = {outputs.whole, inputs.whole},
                             .box = {{outputs.first, inputs.first}, {outputs.count, inputs.count}},
                             .initial = {.deviation = options.deviation},
                             .copies = outputs.copies,
                             .copy = outputs.copy});
  }
  if (options.bias == Bias::absent) return;
  bias_ = make_bias(options.parts, options.dtype);
  bias_.by_token_chunks = cut_ == Cut::inputs;
}

Matmul Linear::forward_sums(const Run& run) const {
  Matmul how{.order = run.order};
  if (run.order == SumOrder::fixed && cut_ == Cut::inputs) how.chunks = chunks_;
  return how;
}

Matmul Linear::input_sums(const Run& run, std::array<Index, 4> parts) const {
  Matmul how{.order = run.order};
  if (run.order == SumOrder::fixed && cut_ == Cut::outputs) {
    how.chunks = chunks_;
    how.parts = parts;
  }
  return how;
}

std::array<Index, 4> Linear::own_parts() const {
  std::array<Index, 4> parts{};
  for (std::size_t i = 0; i < weight_.parts.size(); ++i) parts[i] = weight_.parts[i].box.extent[0];
  return parts;
}

void Linear::forward(Run& run, TensorView y, ConstTensorView x, Saved&) {
  matmul(run.stream, y, x, weight_.value, bias_.value, forward_sums(run));
}

void Linear::forward_gelu(Run& run, TensorView active, TensorView hidden, ConstTensorView x,
                          Saved&) {
  matmul_gelu(run.stream, active, hidden, x, weight_.value, bias_.value, forward_sums(run));
}

void Linear::input_gradient(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView weight,
                            std::array<Index, 4> parts) const {
  matmul_backward_input(run.stream, dx, dy, weight, input_sums(run, parts));
}

void Linear::input_gradient(Run& run, TensorView dx, ConstTensorView dy) const {
  input_gradient(run, dx, dy, weight_.value, own_parts());
}

void Linear::input_gradient_gelu(Run& run, TensorView dhidden, ConstTensorView dy,
                                 ConstTensorView hidden) const {
  matmul_backward_input_gelu(run.stream, dhidden, dy, weight_.value, hidden,
                             input_sums(run, own_parts()));
}

void Linear::backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                            Saved& saved, GradientSink* sink) {
  input_gradient(run, dx, dy);
  add_or_keep(run, dy, x, saved, sink);
}

void Linear::backward_input_gelu(Run& run, TensorView dhidden, ConstTensorView dy,
                                 ConstTensorView hidden, ConstTensorView x, Saved& saved,
                                 GradientSink* sink) {
  input_gradient_gelu(run, dhidden, dy, hidden);
  add_or_keep(run, dy, x, saved, sink);
}

void Linear::add_or_keep(Run& run, ConstTensorView dy, ConstTensorView x, Saved& saved,
                         GradientSink* sink) const {
  if (sink != nullptr) return add_gradients(run, dy, x, *sink);
  saved.keep(kept_x, x);
  saved.keep(kept_dy, dy);
}

void Linear::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  add_gradients(run, saved.get(kept_dy), saved.get(kept_x), sink);
  saved.clear();
}

void Linear::add_gradients(Run& run, ConstTensorView dy, ConstTensorView x,
                           GradientSink& sink) const {
  sink.add(run, weight_, x.rows(), [&](TensorView dw, Rows rows, Write write) {
    matmul_backward_weight(run.stream, dw, dy.slice_rows(rows), x.slice_rows(rows),
                           {.write = write, .order = run.order});
  });
  if (!bias_.parts.empty()) add_bias_gradient(run, bias_, dy, sink);
}

void Linear::for_each_group(const std::function<void(ParameterGroup&)>& visit) {
  visit(weight_);
  if (!bias_.parts.empty()) visit(bias_);
}

}  // namespace tokenwerk
