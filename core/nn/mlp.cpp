#include "core/nn/mlp.h"

#include "core/ops/activation.h"

namespace tokenwerk {
namespace {

LinearOptions up_options(const MlpOptions& o, const Share& ffn) {
  LinearOptions up{.parts = {},
                   .inputs = Share::all(o.width),
                   .bias = o.bias,
                   .deviation = o.deviation,
                   .dtype = o.dtype,
                   .cut = Cut::outputs};
  if (o.kind == MlpKind::swiglu) up.parts.push_back({o.name + ".gate", ffn});
  up.parts.push_back({o.name + ".up", ffn});
  return up;
}

LinearOptions down_options(const MlpOptions& o, const Share& ffn) {
  return {.parts = {{o.name + ".down", Share::all(o.width)}},
          .inputs = ffn,
          .bias = o.bias,
          .deviation = o.output_deviation,
          .dtype = o.dtype,
          .cut = Cut::inputs};
}

}  // namespace

Mlp::Mlp(const MlpOptions& o, const LayerFactory& layers)
    : kind_(o.kind), recompute_(o.recompute), ffn_width_(layers.share(o.ffn_width).count) {
  const Share ffn = layers.share(o.ffn_width);
  up_ = layers.column_linear(up_options(o, ffn));
  down_ = layers.row_linear(down_options(o, ffn));
}

void Mlp::activate(Run& run, TensorView active, ConstTensorView hidden) const {
  if (kind_ == MlpKind::gelu) return gelu_forward(run.stream, active, hidden);
  swiglu_forward(run.stream, active, hidden.slice_columns(0, ffn_width_),
                 hidden.slice_columns(ffn_width_, ffn_width_));
}

TensorView Mlp::hidden_forward(Run& run, ConstTensorView x, Saved& saved) {
  const Index columns = kind_ == MlpKind::gelu ? ffn_width_ : 2 * ffn_width_;
  const TensorView hidden = saved.make(kept_hidden, *x.device, x.dtype, Shape{run.rows, columns});
  const auto make_active = [&] {
    return saved.make(kept_active, *x.device, x.dtype, Shape{run.rows, ffn_width_});
  };
  // What is made again from hidden has the bits of gelu_forward, which a fused product need not.
  if (kind_ == MlpKind::gelu && recompute_ != Recompute::selective) {
    const TensorView active = make_active();
    up_->forward_gelu(run, active, hidden, x, saved.child(up_child));
    return active;
  }
  up_->forward(run, hidden, x, saved.child(up_child));
  const TensorView active = make_active();
  activate(run, active, hidden);
  return active;
}

void Mlp::forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) {
  const TensorView active = hidden_forward(run, x, saved);
  if (run.mode == Mode::evaluate) saved.release(kept_hidden);
  down_->forward(run, y, active, saved.child(down_child));
  if (run.mode == Mode::evaluate) return saved.clear();
  if (recompute_ == Recompute::selective) saved.release(kept_active);
}

void Mlp::hidden_backward(Run& run, TensorView dhidden, ConstTensorView dy, Saved& saved,
                          GradientSink* sink) {
  const ConstTensorView hidden = saved.get(kept_hidden), active = saved.get(kept_active);
  Saved& down = saved.child(down_child);
  if (kind_ == MlpKind::gelu) {
    down_->backward_input_gelu(run, dhidden, dy, hidden, active, down, sink);
    if (sink != nullptr) saved.release(kept_active);
    return;
  }
  const Tensor dactive(*active.device, active.dtype, active.shape);
  down_->backward_input(run, dactive, dy, active, down, sink);
  if (sink != nullptr) saved.release(kept_active);
  swiglu_backward(run.stream, dhidden.slice_columns(0, ffn_width_),
                  dhidden.slice_columns(ffn_width_, ffn_width_), dactive,
                  hidden.slice_columns(0, ffn_width_),
                  hidden.slice_columns(ffn_width_, ffn_width_));
}

void Mlp::backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                         Saved& saved, GradientSink* sink) {
  const ConstTensorView hidden = saved.get(kept_hidden);
  if (recompute_ == Recompute::selective) {
    activate(run, saved.make(kept_active, *x.device, x.dtype, Shape{hidden.rows(), ffn_width_}),
             hidden);
  }
  const TensorView dhidden = saved.make(kept_dhidden, *x.device, x.dtype, hidden.shape);
  hidden_backward(run, dhidden, dy, saved, sink);
  saved.release(kept_hidden);
  up_->backward_input(run, dx, dhidden, x, saved.child(up_child), sink);
  if (sink != nullptr) saved.clear();
}

void Mlp::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  down_->backward_weight(run, saved.child(down_child), sink);
  up_->backward_weight(run, saved.child(up_child), sink);
  saved.clear();
}

void Mlp::for_each_group(const std::function<void(ParameterGroup&)>& visit) {
  up_->for_each_group(visit);
  down_->for_each_group(visit);
}

}  // namespace tokenwerk
