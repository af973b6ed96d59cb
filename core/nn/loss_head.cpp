#include "core/nn/loss_head.h"

#include <algorithm>

#include "core/ops/matmul.h"

namespace tokenwerk {
namespace {

/// Rows of one block of logits, so many columns wide on all ranks together. On the cpu, 8 MiB of
/// f32 stay in the last-level cache between the passes. A GPU wants thousands of rows a product, in
/// whole tiles, and each block reads and writes the whole weight gradient once: 1 GiB (5120 rows of
/// 50304 tokens, 2048 of 128256), and half as much for bf16 gradients.
Index rows_at_once(DeviceKind kind, Index columns) {
  if (kind == DeviceKind::cpu) return (Index{1} << 21) / columns;
  constexpr Index tile = 256;
  const Index rows = (Index{1} << 28) / columns;
  return rows > tile ? rows / tile * tile : rows;
}

template <typename Body>
void for_blocks(Rows rows, Index block, const Body& body) {
  for (Index first = rows.first; first < rows.last; first += block) {
    body(Rows{first, std::min(first + block, rows.last)});
  }
}

}  // namespace

/// The same on any number of ranks, because a weight gradient is a sum over blocks.
Index LogitBlocks::block_rows(const ConstTensorView& x) const {
  const Index block = rows_at_once(x.device->kind(), columns() * ranks_);
  return std::clamp<Index>(block, 1, std::max<Index>(x.rows(), 1));
}

VocabularyShare LogitBlocks::share(const Run& run) const {
  const Index chunks =
      run.order == SumOrder::fixed ? std::max<Index>(1, Matmul::most_chunks / ranks_) : 1;
  return {vocabulary_, first_token_, chunks};
}

void LogitBlocks::logits(Run& run, TensorView logits, ConstTensorView x) const {
  matmul(run.stream, logits, x, weight_->value, {}, {.order = run.order});
}

void LogitBlocks::for_each(Run& run, ConstTensorView x, const Body& body) const {
  const Index block = block_rows(x);
  const Tensor scratch(*x.device, accumulation_type(x.dtype), Shape{block, columns()});
  for_blocks({0, x.rows()}, block, [&](Rows rows) {
    const TensorView y = scratch.view().slice_rows({0, rows.count()});
    logits(run, y, x.slice_rows(rows));
    body(rows, y);
  });
}

void LogitBlocks::backward(Run& run, TensorView dx, GradientSink& sink, ConstTensorView x,
                           ConstTensorView targets, ConstTensorView lse, double scale) const {
  const Index block = block_rows(x);
  const Tensor scratch(*x.device, accumulation_type(x.dtype), Shape{block, columns()});
  Tensor narrow;  // the gradient of the logits in the weights' type, where that is narrower
  if (x.dtype != scratch.dtype()) narrow = Tensor(*x.device, x.dtype, scratch.shape());
  sink.add(run, *weight_, x.rows(), [&](TensorView dw, Rows range, Write write) {
    for_blocks(range, block, [&](Rows rows) {
      const TensorView y = scratch.view().slice_rows({0, rows.count()});
      const TensorView dy = narrow ? narrow.view().slice_rows({0, rows.count()}) : y;
      logits(run, y, x.slice_rows(rows));
      cross_entropy_backward(run.stream, dy, y, elements_of(lse, rows), elements_of(targets, rows),
                             vocabulary_, scale, first_token_);
      matmul_backward_input(run.stream, dx.slice_rows(rows), dy, weight_->value,
                            {.order = run.order, .chunks = share(run).chunks});
      const bool first = rows.first == range.first;
      matmul_backward_weight(run.stream, dw, dy, x.slice_rows(rows),
                             {.write = first ? write : Write::accumulate, .order = run.order});
    });
  });
}

void PlainLossHead::forward(Run& run, TensorView loss, TensorView lse, ConstTensorView x,
                            ConstTensorView targets) const {
  if (run.order == SumOrder::fixed) {
    const Tensor shares(*x.device, loss.dtype, Shape{x.rows(), 2});
    blocks_.for_each(run, x, [&](Rows rows, TensorView y) {
      cross_entropy_share(run.stream, shares.view().slice_rows(rows), y, elements_of(targets, rows),
                          blocks_.share(run));
    });
    return cross_entropy_combine(run.stream, loss, lse, shares, targets);
  }
  blocks_.for_each(run, x, [&](Rows rows, TensorView y) {
    cross_entropy_forward(run.stream, elements_of(loss, rows), elements_of(lse, rows), y,
                          elements_of(targets, rows), blocks_.vocabulary());
  });
}

void PlainLossHead::backward(Run& run, TensorView dx, GradientSink& sink, ConstTensorView x,
                             ConstTensorView targets, ConstTensorView lse, double scale) const {
  blocks_.backward(run, dx, sink, x, targets, lse, scale);
}

void PlainLossHead::logits(Run& run, TensorView logits, ConstTensorView x) const {
  blocks_.logits(run, logits, x);
}

}  // namespace tokenwerk
