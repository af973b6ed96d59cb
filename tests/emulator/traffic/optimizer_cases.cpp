#include "core/ops/optimizer.h"

#include "core/exact_sum.h"
#include "core/ops/elementwise.h"
#include "tests/emulator/traffic/cases.h"

namespace tokenwerk::traffic {
namespace {

/// The norm of a gradient as training finds it: squares of tiles, their exact sum, the clip factor.
void measure_clipping(Meter& meter, const Extents& e, const Tensor& gradient) {
  constexpr Index tiles = 8;
  const Tensor squares = meter.filled(DType::f64, Shape{e.rows, tiles}),
               sum = meter.filled(DType::f64, Shape{ExactSum::stored}),
               total = meter.filled(DType::f64, Shape{1}),
               scalars = meter.filled(DType::f64, Shape{step_scalar_count});
  const double values = bytes_of(DType::f64, e.rows * tiles);
  meter.measure({.operation = "squared_norm_tiles",
                 .operands = operands(DType::f32, e.rows, e.inner),
                 .least = bytes_of(DType::f32, e.rows * e.inner) + values,  // x; squares
                 .run = [&](Stream& s) { squared_norm_tiles(s, squares, gradient); }});
  meter.measure({.operation = "exact_add",
                 .operands = operands(DType::f64, e.rows, tiles),
                 .least = values + bytes_of(DType::f64, 2 * ExactSum::stored),  // x, sum; sum
                 .run = [&](Stream& s) { exact_add(s, sum, squares); }});
  meter.measure({.operation = "exact_total",
                 .operands = operands(DType::f64, 1, ExactSum::stored),
                 .least = bytes_of(DType::f64, ExactSum::stored + 1),  // sum; total
                 .run = [&](Stream& s) { exact_total(s, total, sum); }});
  meter.measure({.operation = "clip_by_norm",
                 .operands = operands(DType::f64, 1, 1),
                 .least = bytes_of(DType::f64, 4),  // squared norm; norm, accepted, scale
                 .run = [&](Stream& s) { clip_by_norm(s, scalars, total, {}, {.clip = 1.0}); }});
}

}  // namespace

void measure_optimizer(Meter& meter, const Extents& e, DType dtype) {
  const Index count = e.rows * e.inner;
  const Shape shape{count};
  const DType sums = accumulation_type(dtype);
  const bool copies = dtype != sums;  // a master, of which w is the copy that layers read
  const Tensor w = meter.filled(dtype, shape), m = meter.filled(sums, shape),
               v = meter.filled(sums, shape), gradient = meter.filled(sums, shape),
               master = copies ? meter.filled(sums, shape) : Tensor(),
               scalars = meter.filled(DType::f64, Shape{step_scalar_count});
  // Master (or w), m, v, gradient; master (or w), m, v; and where there is a master, w.
  const double least = 7 * bytes_of(sums, count) + (copies ? bytes_of(dtype, count) : 0.0);
  meter.measure({.operation = "adamw",
                 .operands = operands(dtype, 1, count),
                 .least = least,
                 .run = [&](Stream& s) {
                   adamw(s, w, master, m, v, gradient, scalars, {.weight_decay = 0.1});
                 }});
  if (dtype == DType::bf16) return;
  const Tensor matrix = meter.filled(DType::f32, Shape{e.rows, e.inner});
  measure_clipping(meter, e, matrix);
}

}  // namespace tokenwerk::traffic
