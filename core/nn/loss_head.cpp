#include "core/nn/loss_head.h"

#include <algorithm>

#include "core/ops/loss.h"
#include "core/ops/matmul.h"

namespace tokenwerk {
namespace {

/// Elements of one block of logits: 8 MiB of f32 stay in the last-level cache between the passes.
constexpr Index block_elements = Index{1} << 21;

/// A range of a dense 1-D array.
template <typename View>
View elements(const View& view, Rows range) {
  View out = view;
  out.shape = Shape{range.count()};
  out.row_stride = range.count();
  out.data =
      view.template as<std::byte>() + static_cast<std::size_t>(range.first) * size_of(view.dtype);
  return out;
}

template <typename Body>
void for_blocks(Rows rows, Index block, const Body& body) {
  for (Index first = rows.first; first < rows.last; first += block) {
    body(Rows{first, std::min(first + block, rows.last)});
  }
}

}  // namespace

Index LossHead::block_rows(Index rows) const {
  return std::clamp<Index>(block_elements / padded_vocabulary(), 1, std::max<Index>(rows, 1));
}

void LossHead::logits(Run& run, TensorView logits, ConstTensorView x) const {
  matmul(run.stream, logits, x, weight_->value);
}

void LossHead::forward(Run& run, TensorView loss, TensorView lse, ConstTensorView x,
                       ConstTensorView targets) const {
  const Index block = block_rows(x.rows());
  Tensor scratch(*x.device, accumulation_type(x.dtype), Shape{block, padded_vocabulary()});
  for_blocks({0, x.rows()}, block, [&](Rows rows) {
    const TensorView y = scratch.view().slice_rows({0, rows.count()});
    logits(run, y, x.slice_rows(rows));
    cross_entropy_forward(run.stream, elements(loss, rows), elements(lse, rows), y,
                          elements(targets, rows), vocabulary_);
  });
}

void LossHead::backward(Run& run, TensorView dx, GradientSink& sink, ConstTensorView x,
                        ConstTensorView targets, ConstTensorView lse, double scale) const {
  const Index block = block_rows(x.rows());
  Tensor scratch(*x.device, accumulation_type(x.dtype), Shape{block, padded_vocabulary()});
  Tensor narrow;  // the gradient of the logits in the weights' type, where that is narrower
  if (x.dtype != scratch.dtype()) narrow = Tensor(*x.device, x.dtype, scratch.shape());
  sink.add(run, *weight_, x.rows(), [&](TensorView dw, Rows range, Write write) {
    for_blocks(range, block, [&](Rows rows) {
      const TensorView y = scratch.view().slice_rows({0, rows.count()});
      const TensorView dy = narrow ? narrow.view().slice_rows({0, rows.count()}) : y;
      logits(run, y, x.slice_rows(rows));
      cross_entropy_backward(run.stream, dy, y, elements(lse, rows), elements(targets, rows),
                             vocabulary_, scale);
      matmul_backward_input(run.stream, dx.slice_rows(rows), dy, weight_->value);
      const bool first = rows.first == range.first;
      matmul_backward_weight(run.stream, dw, dy, x.slice_rows(rows),
                             {first ? write : Write::accumulate});
    });
  });
}

ParameterGroup make_output_weight(Index vocabulary, Index padded_vocabulary, Index width,
                                  double deviation, DType dtype) {
  const Shape shape{vocabulary, width};
  ParameterGroup group;
  group.parts.push_back({"output.weight", shape, Box::whole(shape), {.deviation = deviation}, {}});
  group.dtype = dtype;
  group.padding_rows = padded_vocabulary - vocabulary;
  return group;
}

}  // namespace tokenwerk
