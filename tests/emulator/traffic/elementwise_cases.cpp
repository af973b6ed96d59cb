#include "core/cuda/kernels/columns.h"
#include "core/ops/activation.h"
#include "core/ops/elementwise.h"
#include "core/ops/matmul.h"
#include "core/ops/random.h"
#include "tests/emulator/traffic/cases.h"

namespace tokenwerk::traffic {
namespace {

void measure_activations(Meter& meter, const Extents& e, DType dtype) {
  const Shape shape{e.rows, e.inner};
  const double array = bytes_of(dtype, shape.count());
  const std::string what = operands(dtype, e.rows, e.inner);
  const Tensor y = meter.filled(dtype, shape), dy = meter.filled(dtype, shape),
               x = meter.filled(dtype, shape), up = meter.filled(dtype, shape),
               dup = meter.filled(dtype, shape);
  meter.measure({.operation = "gelu_forward",
                 .operands = what,
                 .least = 2 * array,  // x; y
                 .run = [&](Stream& s) { gelu_forward(s, y, x); }});
  meter.measure({.operation = "gelu_backward",
                 .operands = what,
                 .least = 3 * array,  // dy, x; dx
                 .run = [&](Stream& s) { gelu_backward(s, y, dy, x); }});
  meter.measure({.operation = "swiglu_forward",
                 .operands = what,
                 .least = 3 * array,  // gate, up; y
                 .run = [&](Stream& s) { swiglu_forward(s, y, x, up); }});
  meter.measure({.operation = "swiglu_backward",
                 .operands = what,
                 .least = 5 * array,  // dy, gate, up; dgate, dup
                 .run = [&](Stream& s) { swiglu_backward(s, y, dup, dy, x, up); }});
}

void measure_sums(Meter& meter, const Extents& e, DType dtype) {
  const double array = bytes_of(dtype, e.rows * e.inner), row = bytes_of(dtype, e.inner);
  const DType sum_type = accumulation_type(dtype);
  const std::string what = operands(dtype, e.rows, e.inner);
  const Tensor y = meter.filled(dtype, Shape{e.rows, e.inner}),
               added = meter.filled(dtype, Shape{e.inner}),
               sums = meter.filled(DType::f64, Shape{e.rows}),
               dbias = meter.filled(sum_type, Shape{e.inner});
  meter.measure({.operation = "add_row",
                 .operands = what,
                 .least = 2 * array + row,  // y, row; y
                 .more = static_cast<double>(e.rows - 1) * row,
                 .reason = "the row for every row, from the caches",
                 .run = [&](Stream& s) { add_row(s, y, added); }});
  meter.measure({.operation = "row_sums",
                 .operands = what,
                 .least = array + bytes_of(DType::f64, e.rows),  // y; sums
                 .more = bytes_of(DType::f64, 3 * e.rows),
                 .reason = "a sector for each sum",
                 .run = [&](Stream& s) { row_sums(s, sums, y); }});
  const Index chunks = cuda::column_chunks(e.rows);
  meter.measure({.operation = "bias_backward",
                 .operands = what,
                 .least = array + bytes_of(sum_type, e.inner),  // dy; dbias
                 .more = 2 * bytes_of(sum_type, chunks * e.inner),
                 .reason = "a sum for every chunk of rows, written and read",
                 .run = [&](Stream& s) { bias_backward(s, dbias, y); }});
}

}  // namespace

void measure_elementwise(Meter& meter, const Extents& e, DType dtype) {
  measure_activations(meter, e, dtype);
  const Shape shape{e.rows, e.width};
  const DType other = dtype == DType::bf16 ? DType::f32 : DType::bf16;
  const double array = bytes_of(dtype, shape.count());
  const std::string what = operands(dtype, e.rows, e.width);
  const Tensor y = meter.filled(dtype, shape), a = meter.filled(dtype, shape),
               b = meter.filled(dtype, shape), to = meter.filled(other, shape);
  meter.measure({.operation = "add",
                 .operands = what,
                 .least = 3 * array,  // a, b; y
                 .run = [&](Stream& s) { add(s, y, a, b); }});
  meter.measure({.operation = "convert",
                 .operands = what,
                 .least = array + bytes_of(other, shape.count()),  // x; y
                 .run = [&](Stream& s) { convert(s, to, a); }});
  meter.measure({.operation = "fill", .operands = what, .least = array, .run = [&](Stream& s) {
                   fill(s, y, 1.0);
                 }});
  meter.measure({.operation = "scale",
                 .operands = what,
                 .least = 2 * array,  // y; y
                 .run = [&](Stream& s) { scale(s, y, 0.5); }});
  meter.measure(
      {.operation = "fill_normal", .operands = what, .least = array, .run = [&](Stream& s) {
         fill_normal(s, y, {.seed = 1});
       }});
  measure_sums(meter, e, dtype);
}

}  // namespace tokenwerk::traffic
