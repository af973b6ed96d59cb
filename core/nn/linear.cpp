#include "core/nn/linear.h"

#include "core/ops/matmul.h"

namespace tokenwerk {

Linear::Linear(const LinearOptions& options) : inputs_(options.inputs) {
  weight_.dtype = bias_.dtype = options.dtype;
  for (const LinearPart& part : options.parts) {
    const Shape weight{part.outputs, inputs_}, bias{part.outputs};
    weight_.parts.push_back(
        {part.name + ".weight", weight, Box::whole(weight), {.deviation = options.deviation}, {}});
    if (options.bias == Bias::present) {
      bias_.parts.push_back({part.name + ".bias", bias, Box::whole(bias), {}, {}});
    }
    outputs_ += part.outputs;
  }
}

void Linear::forward(Run& run, TensorView y, ConstTensorView x, Saved&) {
  matmul(run.stream, y, x, weight_.value, bias_.value);
}

void Linear::backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                            Saved& saved) {
  matmul_backward_input(run.stream, dx, dy, weight_.value);
  saved.keep(kept_x, x);
  saved.keep(kept_dy, dy);
}

void Linear::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  const ConstTensorView x = saved.get(kept_x), dy = saved.get(kept_dy);
  sink.add(run, weight_, x.rows(), [&](TensorView dw, Rows rows, Write write) {
    matmul_backward_weight(run.stream, dw, dy.slice_rows(rows), x.slice_rows(rows), {write});
  });
  if (bias_.value) {
    sink.add(run, bias_, x.rows(), [&](TensorView dbias, Rows rows, Write write) {
      bias_backward(run.stream, dbias, dy.slice_rows(rows), {write});
    });
  }
  saved.clear();
}

void Linear::for_each_group(const std::function<void(ParameterGroup&)>& visit) {
  visit(weight_);
  if (!bias_.parts.empty()) visit(bias_);
}

}  // namespace tokenwerk
