#include "core/nn/norm.h"

#include "core/ops/norm.h"

namespace tokenwerk {

Norm::Norm(const NormOptions& options) : options_(options) {
  const Shape shape{options.width};
  parameters_.dtype = options.dtype;
  parameters_.by_token_chunks = true;
  parameters_.parts.push_back(
      {options.name + ".weight", shape, Box::whole(shape), {.constant = 1.0}});
  if (options.kind == NormKind::layer_norm) {
    parameters_.parts.push_back({options.name + ".bias", shape, Box::whole(shape), {}});
  }
}

void Norm::forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) {
  const bool layer_norm = options_.kind == NormKind::layer_norm;
  const TensorView stats = saved.make(kept_stats, *x.device, accumulation_type(x.dtype),
                                      Shape{x.rows(), layer_norm ? 2 : 1});
  if (layer_norm) {
    layer_norm_forward(run.stream, y, stats, x, weight(), bias(), options_.epsilon);
  } else {
    rms_norm_forward(run.stream, y, stats, x, weight(), options_.epsilon);
  }
  if (run.mode == Mode::evaluate) saved.clear();
}

void Norm::backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                          Saved& saved, GradientSink* sink) {
  backward_input(run, dx, dy, x, saved, sink, Write::overwrite);
}

void Norm::backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                          Saved& saved, GradientSink* sink, Write write) {
  const ConstTensorView stats = saved.get(kept_stats);
  if (options_.kind == NormKind::layer_norm) {
    layer_norm_backward_input(run.stream, dx, dy, x, stats, weight(), write);
  } else {
    rms_norm_backward_input(run.stream, dx, dy, x, stats, weight(), write);
  }
  saved.keep(kept_x, x);
  saved.keep(kept_dy, dy);
  if (sink != nullptr) backward_weight(run, saved, *sink);
}

void Norm::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  const ConstTensorView x = saved.get(kept_x), dy = saved.get(kept_dy);
  const ConstTensorView stats = saved.get(kept_stats);
  sink.add(run, parameters_, x.rows(), [&](TensorView gradient, Rows rows, Write write) {
    const Index width = options_.width;
    const TensorView dgamma = gradient.slice_columns(0, width);
    if (options_.kind == NormKind::layer_norm) {
      layer_norm_backward_weight(run.stream, dgamma, gradient.slice_columns(width, width),
                                 dy.slice_rows(rows), x.slice_rows(rows), stats.slice_rows(rows),
                                 write);
    } else {
      rms_norm_backward_weight(run.stream, dgamma, dy.slice_rows(rows), x.slice_rows(rows),
                               stats.slice_rows(rows), write);
    }
  });
  saved.clear();
}

void Norm::for_each_group(const std::function<void(ParameterGroup&)>& visit) { visit(parameters_); }

}  // namespace tokenwerk
