#include "core/ops/loss.h"

#include "tests/emulator/traffic/cases.h"

namespace tokenwerk::traffic {
namespace {

/// The last columns are padding, as where the vocabulary is no multiple of 64.
constexpr Index padding = 7;

void measure_shares(Meter& meter, const Extents& e, const Tensor& logits, const Tensor& targets) {
  constexpr Index shares = 4, chunks = 2;
  const Index rows = logits.shape().rows(), all = rows * shares;
  const Tensor partials = meter.filled(DType::f32, Shape{all, 2});
  const Tensor loss = meter.filled(DType::f32, Shape{rows}),
               lse = meter.filled(DType::f32, Shape{rows});
  const double ids = bytes_of(DType::i32, rows);
  const TensorView partial = partials.view().slice_rows({0, rows});
  meter.measure({.operation = "cross_entropy_share",
                 .operands = operands(DType::f32, rows, e.vocabulary),
                 .least = bytes_of(DType::f32, logits.shape().count()) + ids +
                          bytes_of(DType::f32, 2 * rows),  // logits, targets; partial
                 .run = [&](Stream& s) {
                   cross_entropy_share(s, partial, logits, targets,
                                       {shares * e.vocabulary - padding, 0, chunks});
                 }});
  meter.measure(
      {.operation = "cross_entropy_combine",
       .operands = operands(DType::f32, all, 2),  // partials, targets; loss, lse
       .least = bytes_of(DType::f32, 2 * all) + ids + bytes_of(DType::f32, 2 * rows),
       .run = [&](Stream& s) { cross_entropy_combine(s, loss, lse, partials, targets); }});
}

}  // namespace

void measure_loss(Meter& meter, const Extents& e, DType dtype) {
  const Shape shape{e.few_rows, e.vocabulary};
  const double array = bytes_of(DType::f32, shape.count()), ids = bytes_of(DType::i32, e.few_rows),
               sums = bytes_of(DType::f32, e.few_rows);
  const Index vocabulary = e.vocabulary - padding;
  const Tensor logits = meter.filled(DType::f32, shape), dlogits = meter.filled(dtype, shape),
               targets = meter.indices(e.few_rows, 31, vocabulary),
               loss = meter.filled(DType::f32, Shape{e.few_rows}),
               lse = meter.filled(DType::f32, Shape{e.few_rows});
  if (dtype == DType::f32) {
    meter.measure({.operation = "cross_entropy_forward",
                   .operands = operands(DType::f32, e.few_rows, e.vocabulary),
                   .least = array + ids + 2 * sums,  // logits, targets; loss, lse
                   .run = [&](Stream& s) {
                     cross_entropy_forward(s, loss, lse, logits, targets, vocabulary);
                   }});
    measure_shares(meter, e, logits, targets);
  }
  meter.measure({.operation = "cross_entropy_backward",
                 .operands = operands(dtype, e.few_rows, e.vocabulary),
                 .least = array + ids + sums + bytes_of(dtype, shape.count()),  // ..., lse; dlogits
                 .run = [&](Stream& s) {
                   cross_entropy_backward(s, dlogits, logits, lse, targets, vocabulary, 1.0);
                 }});
}

}  // namespace tokenwerk::traffic
