#include "parallel/tensor/column_parallel_linear.h"

#include <algorithm>
#include <optional>

#include "core/ops/elementwise.h"
#include "core/ops/matmul.h"

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

ConstTensorView ColumnParallelLinear::whole_gradient(Run& run, ConstTensorView dy,
                                                     Saved& saved) const {
  if (!has_copies()) return dy;
  const TensorView whole =
      saved.make(kept_dy, *dy.device, dy.dtype, Shape{dy.rows(), dy.columns()});
  convert(run.stream, whole, dy);
  Index first = 0;
  for (const Parameter& part : product_.weight().parts) {
    const Index count = part.box.extent[0];
    if (part.copies > 1) {
      const TensorView columns = whole.slice_columns(first, count);
      const Tensor sum(*dy.device, accumulation_type(dy.dtype), columns.shape);
      convert(run.stream, sum, columns);
      axis_->sum_copies(run.stream, sum);
      convert(run.stream, columns, sum);
    }
    first += count;
  }
  return whole;
}

void ColumnParallelLinear::input_product(Run& run, TensorView dx, ConstTensorView dy) const {
  const ConstTensorView weight = product_.weight().value;
  if (!has_copies()) return matmul_backward_input(run.stream, dx, dy, weight);
  Index first = 0;
  Write write = Write::overwrite;
  for (const Parameter& part : product_.weight().parts) {
    const Index count = part.box.extent[0];
    const Rows mine{first + count * part.copy / part.copies,
                    first + count * (part.copy + 1) / part.copies};
    matmul_backward_input(run.stream, dx, dy.slice_columns(mine.first, mine.count()),
                          weight.slice_rows(mine), {write});
    write = Write::accumulate;
    first += count;
  }
}

void ColumnParallelLinear::backward_input(Run& run, TensorView dx, ConstTensorView dy,
                                          ConstTensorView x, Saved& saved, GradientSink* sink) {
  dy = whole_gradient(run, dy, saved);
  std::optional<WholeRows> rows;
  if (sink != nullptr) rows.emplace(*axis_, run.stream, x, run.rows);
  PartialSum sum(*axis_, dx, run.rows);
  input_product(run, sum.partial(), dy);
  sum.start(run.stream);
  if (sink != nullptr) {
    product_.add_gradients(run, dy, rows->wait(run.stream), *sink);
  } else {
    saved.keep(kept_x, x);
    if (!has_copies()) saved.keep(kept_dy, dy);
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
