#include "core/nn/block.h"

#include "core/ops/elementwise.h"

namespace tokenwerk {

Block::Block(const BlockOptions& options)
    : attention_norm_(options.attention_norm),
      attention_(options.attention),
      mlp_norm_(options.mlp_norm),
      mlp_(options.mlp) {}

void Block::forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) {
  Device& device = *x.device;
  const Shape shape{x.rows(), x.columns()};
  const TensorView residual = saved.make(kept_residual, device, x.dtype, shape);
  {
    const TensorView h = saved.make(kept_attention_input, device, x.dtype, shape);
    attention_norm_.forward(run, h, x, saved.child(attention_norm_child));
    attention_.forward(run, residual, h, saved.child(attention_child));
    if (run.mode == Mode::evaluate) saved.release(kept_attention_input);
  }
  add(run.stream, residual, residual, x);
  const TensorView h = saved.make(kept_mlp_input, device, x.dtype, shape);
  mlp_norm_.forward(run, h, residual, saved.child(mlp_norm_child));
  mlp_.forward(run, y, h, saved.child(mlp_child));
  add(run.stream, y, y, residual);
  if (run.mode == Mode::evaluate) saved.clear();
}

void Block::backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                           Saved& saved) {
  Device& device = *x.device;
  const Shape shape{x.rows(), x.columns()};
  const ConstTensorView residual = saved.get(kept_residual);

  const TensorView dh = saved.make(kept_dmlp_input, device, x.dtype, shape);
  mlp_.backward_input(run, dh, dy, saved.get(kept_mlp_input), saved.child(mlp_child));
  const TensorView dresidual = saved.make(kept_dresidual, device, x.dtype, shape);
  convert(run.stream, dresidual, dy);
  mlp_norm_.backward_input(run, dresidual, dh, residual, saved.child(mlp_norm_child),
                           Write::accumulate);

  const TensorView dg = saved.make(kept_dattention_input, device, x.dtype, shape);
  attention_.backward_input(run, dg, dresidual, saved.get(kept_attention_input),
                            saved.child(attention_child));
  convert(run.stream, dx, dresidual);
  attention_norm_.backward_input(run, dx, dg, x, saved.child(attention_norm_child),
                                 Write::accumulate);
}

void Block::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  mlp_.backward_weight(run, saved.child(mlp_child), sink);
  mlp_norm_.backward_weight(run, saved.child(mlp_norm_child), sink);
  attention_.backward_weight(run, saved.child(attention_child), sink);
  attention_norm_.backward_weight(run, saved.child(attention_norm_child), sink);
  saved.clear();
}

void Block::for_each_group(const std::function<void(ParameterGroup&)>& visit) {
  attention_norm_.for_each_group(visit);
  attention_.for_each_group(visit);
  mlp_norm_.for_each_group(visit);
  mlp_.for_each_group(visit);
}

}  // namespace tokenwerk
