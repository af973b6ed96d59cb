#include "core/nn/mlp.h"

#include "core/ops/activation.h"

namespace tokenwerk {
namespace {

LinearOptions up_options(const MlpOptions& o) {
  LinearOptions up{{}, o.width, o.bias, o.deviation, o.dtype};
  if (o.kind == MlpKind::swiglu) up.parts.push_back({o.name + ".gate", o.ffn_width});
  up.parts.push_back({o.name + ".up", o.ffn_width});
  return up;
}

}  // namespace

Mlp::Mlp(const MlpOptions& o)
    : kind_(o.kind),
      up_(up_options(o)),
      down_({{{o.name + ".down", o.width}}, o.ffn_width, o.bias, o.output_deviation, o.dtype}) {}

void Mlp::forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) {
  const Index rows = x.rows(), ffn = down_.inputs();
  const TensorView hidden = saved.make(kept_hidden, *x.device, x.dtype, Shape{rows, up_.outputs()});
  const TensorView active = saved.make(kept_active, *x.device, x.dtype, Shape{rows, ffn});
  up_.forward(run, hidden, x, saved.child(up_child));
  if (kind_ == MlpKind::gelu) {
    gelu_forward(run.stream, active, hidden);
  } else {
    swiglu_forward(run.stream, active, hidden.slice_columns(0, ffn),
                   hidden.slice_columns(ffn, ffn));
  }
  if (run.mode == Mode::evaluate) saved.release(kept_hidden);
  down_.forward(run, y, active, saved.child(down_child));
  if (run.mode == Mode::evaluate) saved.clear();
}

void Mlp::backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                         Saved& saved) {
  const Index ffn = down_.inputs();
  const ConstTensorView hidden = saved.get(kept_hidden), active = saved.get(kept_active);
  const TensorView dhidden = saved.make(kept_dhidden, *x.device, x.dtype, hidden.shape);
  if (kind_ == MlpKind::gelu) {
    down_.backward_input(run, dhidden, dy, active, saved.child(down_child));
    gelu_backward(run.stream, dhidden, dhidden, hidden);
  } else {
    Tensor dactive(*x.device, x.dtype, active.shape);
    down_.backward_input(run, dactive, dy, active, saved.child(down_child));
    swiglu_backward(run.stream, dhidden.slice_columns(0, ffn), dhidden.slice_columns(ffn, ffn),
                    dactive, hidden.slice_columns(0, ffn), hidden.slice_columns(ffn, ffn));
  }
  saved.release(kept_hidden);
  up_.backward_input(run, dx, dhidden, x, saved.child(up_child));
}

void Mlp::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  down_.backward_weight(run, saved.child(down_child), sink);
  up_.backward_weight(run, saved.child(up_child), sink);
  saved.clear();
}

void Mlp::for_each_group(const std::function<void(ParameterGroup&)>& visit) {
  up_.for_each_group(visit);
  down_.for_each_group(visit);
}

}  // namespace tokenwerk
