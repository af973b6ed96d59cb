#include "parallel/tensor/column_parallel_linear.h"

#include <algorithm>
#include <optional>

#include "core/ops/elementwise.h"

namespace tokenwerk {

ColumnParallelLinear::ColumnParallelLinear(const LinearOptions& options, TensorAxis& axis)
    : axis_(&axis), product_(options) {}

bool ColumnParallelLinear::has_copies() const {
  return std::ranges::any_of(product_.weight().parts,
                             [](const Parameter& part) { return part.copies > 1; });
}

void ColumnParallelLinear::forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) {
  WholeRows rows(*axis_, run.stream, x, run.rows);
  product_.forward(run, y, rows.wait(run.stream), saved);
}

void ColumnParallelLinear::forward_gelu(Run& run, TensorView active, TensorView hidden,
                                        ConstTensorView x, Saved& saved) {
  WholeRows rows(*axis_, run.stream, x, run.rows);
  product_.forward_gelu(run, active, hidden, rows.wait(run.stream), saved);
}

void ColumnParallelLinear::input_product(Run& run, TensorView dx, ConstTensorView dy) const {
  if (!has_copies()) return product_.input_gradient(run, dx, dy);
  const ParameterGroup& weight = product_.weight();
  std::array<Index, 4> parts{};
  Index columns = 0;
  for (std::size_t i = 0; i < weight.parts.size(); ++i) {
    const Parameter& part = weight.parts[i];
    parts[i] = part.box.extent[0] * (part.copy + 1) / part.copies -
               part.box.extent[0] * part.copy / part.copies;
    columns += parts[i];
  }
  // What is ours of dy and of the weight, side by side as one product wants it.
  const Tensor own_dy(*dy.device, dy.dtype, Shape{dy.rows(), columns});
  const Tensor own_weight(*dy.device, dy.dtype, Shape{columns, weight.value.columns()});
  Index from = 0, to = 0;
  for (std::size_t i = 0; i < weight.parts.size(); ++i) {
    const Parameter& part = weight.parts[i];
    const Index first = from + part.box.extent[0] * part.copy / part.copies;
    convert(run.stream, own_dy.view().slice_columns(to, parts[i]),
            dy.slice_columns(first, parts[i]));
    convert(run.stream, own_weight.view().slice_rows({to, to + parts[i]}),
            weight.value.slice_rows({first, first + parts[i]}));
    from += part.box.extent[0];
    to += parts[i];
  }
  product_.input_gradient(run, dx, own_dy, own_weight, parts);
}

void ColumnParallelLinear::backward_input(Run& run, TensorView dx, ConstTensorView dy,
                                          ConstTensorView x, Saved& saved, GradientSink* sink) {
  std::optional<WholeRows> rows;
  if (sink != nullptr) rows.emplace(*axis_, run.stream, x, run.rows);
  PartialSum sum(*axis_, dx, run.rows);
  input_product(run, sum.partial(), dy);
  sum.start(run.stream);
  if (sink != nullptr) {
    product_.add_gradients(run, dy, rows->wait(run.stream), *sink);
  } else {
    saved.keep(kept_x, x);
    saved.keep(kept_dy, dy);
  }
  sum.finish(run.stream);
  if (sink != nullptr) saved.clear();
}

void ColumnParallelLinear::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  WholeRows rows(*axis_, run.stream, saved.get(kept_x), run.rows);
  product_.add_gradients(run, saved.get(kept_dy), rows.wait(run.stream), sink);
  saved.clear();
}

void ColumnParallelLinear::for_each_group(const std::function<void(ParameterGroup&)>& visit) {
  product_.for_each_group(visit);
}

}  // namespace tokenwerk
