#include "parallel/tensor/row_parallel_linear.h"

namespace tokenwerk {
namespace {

LinearOptions without_bias(LinearOptions options) {
  options.bias = Bias::absent;
  return options;
}

}  // namespace

RowParallelLinear::RowParallelLinear(const LinearOptions& options, TensorAxis& axis)
    : axis_(&axis), product_(without_bias(options)) {
  if (options.bias == Bias::absent) return;
  bias_ = make_bias(options.parts, options.dtype);
  bias_.by_token_chunks = true;
  axis.mark_replicated(bias_);
}

void RowParallelLinear::forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) {
  PartialSum sum(*axis_, y, run.rows);
  product_.forward(run, sum.partial(), x, saved);
  sum.start(run.stream);
  sum.finish(run.stream, bias_.value);
}

void RowParallelLinear::backward_input(Run& run, TensorView dx, ConstTensorView dy,
                                       ConstTensorView x, Saved& saved, GradientSink* sink) {
  WholeRows rows(*axis_, run.stream, dy, run.rows);
  const ConstTensorView whole = rows.wait(run.stream);
  product_.input_gradient(run, dx, whole);
  add_or_keep(run, whole, dy, x, saved, sink);
}

void RowParallelLinear::backward_input_gelu(Run& run, TensorView dhidden, ConstTensorView dy,
                                            ConstTensorView hidden, ConstTensorView x, Saved& saved,
                                            GradientSink* sink) {
  WholeRows rows(*axis_, run.stream, dy, run.rows);
  const ConstTensorView whole = rows.wait(run.stream);
  product_.input_gradient_gelu(run, dhidden, whole, hidden);
  add_or_keep(run, whole, dy, x, saved, sink);
}

void RowParallelLinear::add_or_keep(Run& run, ConstTensorView whole_dy, ConstTensorView dy,
                                    ConstTensorView x, Saved& saved, GradientSink* sink) const {
  if (sink != nullptr) return add_gradients(run, whole_dy, dy, x, *sink);
  saved.keep(kept_x, x);
  saved.keep(kept_dy, dy);
}

void RowParallelLinear::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  const ConstTensorView dy = saved.get(kept_dy);
  WholeRows rows(*axis_, run.stream, dy, run.rows);
  add_gradients(run, rows.wait(run.stream), dy, saved.get(kept_x), sink);
  saved.clear();
}

void RowParallelLinear::add_gradients(Run& run, ConstTensorView whole_dy, ConstTensorView dy,
                                      ConstTensorView x, GradientSink& sink) const {
  product_.add_gradients(run, whole_dy, x, sink);
  if (!bias_.parts.empty()) add_bias_gradient(run, bias_, dy, sink);
}

void RowParallelLinear::for_each_group(const std::function<void(ParameterGroup&)>& visit) {
  product_.for_each_group(visit);
  if (!bias_.parts.empty()) visit(bias_);
}

}  // namespace tokenwerk
