#include "core/ops/elementwise.h"

namespace tokenwerk {
namespace {

ElementwiseOps& family(Stream& stream) { return *stream.device().operations().elementwise; }

bool floating(DType dtype) { return dtype != DType::i32; }

}  // namespace

void add(Stream& stream, TensorView y, ConstTensorView a, ConstTensorView b) {
  TW_CHECK_AS(ShapeError, floating(y.dtype), "add: y is ", name_of(y.dtype));
  check_matrix(a, "add", "a", y.rows(), y.columns(), y.dtype);
  check_matrix(b, "add", "b", y.rows(), y.columns(), y.dtype);
  family(stream).do_add(stream, y, a, b);
}

void add_row(Stream& stream, TensorView y, ConstTensorView row) {
  TW_CHECK_AS(ShapeError, floating(y.dtype), "add_row: y is ", name_of(y.dtype));
  check_vector(row, "add_row", "row", y.columns(), row.dtype);
  TW_CHECK_AS(ShapeError, row.dtype == y.dtype || accumulation_type(row.dtype) == y.dtype,
              "add_row: ", name_of(row.dtype), " to rows of ", name_of(y.dtype));
  family(stream).do_add_row(stream, y, row);
}

void convert(Stream& stream, TensorView y, ConstTensorView x) {
  check_matrix(x, "convert", "x", y.rows(), y.columns(), x.dtype);
  TW_CHECK_AS(ShapeError, x.dtype == y.dtype || (floating(x.dtype) && floating(y.dtype)),
              "convert: from ", name_of(x.dtype), " to ", name_of(y.dtype));
  family(stream).do_convert(stream, y, x);
}

void fill(Stream& stream, TensorView y, double value) { family(stream).do_fill(stream, y, value); }

void scale(Stream& stream, TensorView y, double factor) {
  TW_CHECK_AS(ShapeError, floating(y.dtype), "scale: y is ", name_of(y.dtype));
  family(stream).do_scale(stream, y, factor);
}

void row_sums(Stream& stream, TensorView sums, ConstTensorView x) {
  check_vector(sums, "row_sums", "sums", x.rows(), DType::f64);
  TW_CHECK_AS(ShapeError, floating(x.dtype), "row_sums: x is ", name_of(x.dtype));
  family(stream).do_row_sums(stream, sums, x);
}

void exact_add(Stream& stream, TensorView sum, ConstTensorView x) {
  check_vector(sum, "exact_add", "sum", ExactSum::stored, DType::f64);
  check_matrix(x, "exact_add", "x", x.rows(), x.columns(), DType::f64);
  family(stream).do_exact_add(stream, sum, x);
}

void exact_total(Stream& stream, TensorView total, ConstTensorView sum) {
  check_vector(total, "exact_total", "total", 1, DType::f64);
  check_vector(sum, "exact_total", "sum", ExactSum::stored, DType::f64);
  family(stream).do_exact_total(stream, total, sum);
}

}  // namespace tokenwerk
