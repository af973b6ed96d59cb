#include "core/nn/block.h"

#include "core/ops/elementwise.h"

namespace tokenwerk {
namespace {

Tensor like(ConstTensorView x) { return {*x.device, x.dtype, Shape{x.rows(), x.columns()}}; }

MlpOptions with(MlpOptions options, Recompute recompute) {
  options.recompute = recompute;
  return options;
}

}  // namespace

Block::Block(const BlockOptions& options, const LayerFactory& layers)
    : recompute_(options.recompute),
      attention_norm_(layers.norm(options.attention_norm)),
      attention_(options.attention, layers),
      mlp_norm_(layers.norm(options.mlp_norm)),
      mlp_(with(options.mlp, options.recompute), layers) {}

void Block::forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) {
  if (recompute_ != Recompute::full || run.mode == Mode::evaluate)
    return forward_saving(run, y, x, saved);
  Run evaluate = run;
  evaluate.mode = Mode::evaluate;
  forward_saving(evaluate, y, x, saved);
}

void Block::forward_saving(Run& run, TensorView y, ConstTensorView x, Saved& saved) {
  Device& device = *x.device;
  const Shape shape{x.rows(), x.columns()};
  const bool keep_norms = run.mode == Mode::train && recompute_ != Recompute::selective;
  const TensorView residual = saved.make(kept_residual, device, x.dtype, shape);
  {
    const TensorView h = saved.make(kept_attention_input, device, x.dtype, shape);
    attention_norm_->forward(run, h, x, saved.child(attention_norm_child));
    attention_.forward(run, residual, h, saved.child(attention_child));
    if (!keep_norms) saved.release(kept_attention_input);
  }
  add(run.stream, residual, residual, x);
  const TensorView h = saved.make(kept_mlp_input, device, x.dtype, shape);
  mlp_norm_->forward(run, h, residual, saved.child(mlp_norm_child));
  mlp_.forward(run, y, h, saved.child(mlp_child));
  if (!keep_norms) saved.release(kept_mlp_input);
  add(run.stream, y, y, residual);
  if (run.mode == Mode::evaluate) saved.clear();
}

ConstTensorView Block::norm_output(Run& run, Norm& norm, ConstTensorView x, Saved& saved, Slot slot,
                                   Child child) {
  if (recompute_ == Recompute::selective) {
    const TensorView h = saved.make(slot, *x.device, x.dtype, Shape{x.rows(), x.columns()});
    norm.forward(run, h, x, saved.child(child));
  }
  return saved.get(slot);
}

void Block::backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                           Saved& saved, GradientSink* sink) {
  Device& device = *x.device;
  const Shape shape{x.rows(), x.columns()};
  if (recompute_ == Recompute::full) {
    const Tensor y = like(x);
    forward_saving(run, y, x, saved);
  }
  const ConstTensorView residual = saved.get(kept_residual);
  {
    const ConstTensorView h =
        norm_output(run, *mlp_norm_, residual, saved, kept_mlp_input, mlp_norm_child);
    const TensorView dh = saved.make(kept_dmlp_input, device, x.dtype, shape);
    mlp_.backward_input(run, dh, dy, h, saved.child(mlp_child), sink);
    if (sink != nullptr) saved.release(kept_mlp_input);
    const TensorView dresidual = saved.make(kept_dresidual, device, x.dtype, shape);
    convert(run.stream, dresidual, dy);
    mlp_norm_->backward_input(run, dresidual, dh, residual, saved.child(mlp_norm_child), sink,
                              Write::accumulate);
    if (sink != nullptr) saved.release(kept_dmlp_input);
    if (sink != nullptr) saved.release(kept_residual);
  }
  const ConstTensorView dresidual = saved.get(kept_dresidual);
  const ConstTensorView h =
      norm_output(run, *attention_norm_, x, saved, kept_attention_input, attention_norm_child);
  const TensorView dg = saved.make(kept_dattention_input, device, x.dtype, shape);
  attention_.backward_input(run, dg, dresidual, h, saved.child(attention_child), sink);
  convert(run.stream, dx, dresidual);
  attention_norm_->backward_input(run, dx, dg, x, saved.child(attention_norm_child), sink,
                                  Write::accumulate);
  if (sink != nullptr) saved.clear();
}

void Block::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  mlp_.backward_weight(run, saved.child(mlp_child), sink);
  mlp_norm_->backward_weight(run, saved.child(mlp_norm_child), sink);
  attention_.backward_weight(run, saved.child(attention_child), sink);
  attention_norm_->backward_weight(run, saved.child(attention_norm_child), sink);
  saved.clear();
}

void Block::for_each_group(const std::function<void(ParameterGroup&)>& visit) {
  attention_norm_->for_each_group(visit);
  attention_.for_each_group(visit);
  mlp_norm_->for_each_group(visit);
  mlp_.for_each_group(visit);
}

}  // namespace tokenwerk
