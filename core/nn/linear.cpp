#include "core/nn/linear.h"

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

Linear::Linear(const LinearOptions& options) {
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
  if (options.bias == Bias::present) bias_ = make_bias(options.parts, options.dtype);
}

void Linear::forward(Run& run, TensorView y, ConstTensorView x, Saved&) {
  matmul(run.stream, y, x, weight_.value, bias_.value);
}

void Linear::backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                            Saved& saved, GradientSink* sink) {
  matmul_backward_input(run.stream, dx, dy, weight_.value);
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
    matmul_backward_weight(run.stream, dw, dy.slice_rows(rows), x.slice_rows(rows), {write});
  });
  if (!bias_.parts.empty()) add_bias_gradient(run, bias_, dy, sink);
}

void Linear::for_each_group(const std::function<void(ParameterGroup&)>& visit) {
  visit(weight_);
  if (!bias_.parts.empty()) visit(bias_);
}

}  // namespace tokenwerk
