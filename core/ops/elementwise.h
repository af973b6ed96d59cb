#pragma once
/// Element by element: sums, copies, conversions; and plain sums over an array.

#include "core/exact_sum.h"
#include "core/ops/check.h"

namespace tokenwerk {

/// y = a + b, all (N,C) of one dtype; y may be a or b.
void add(Stream&, TensorView y, ConstTensorView a, ConstTensorView b);
/// y(N,C) += row(C) in each row; row may be narrower than y.
void add_row(Stream&, TensorView y, ConstTensorView row);
/// y = x, converting between f64, f32 and bf16 (to bf16: to nearest, ties to even), same shape; i32
/// to i32.
void convert(Stream&, TensorView y, ConstTensorView x);
/// y = value everywhere.
void fill(Stream&, TensorView y, double value);
/// y *= factor.
void scale(Stream&, TensorView y, double factor);
/// sums(N), f64, each of a row of x(N,C), in an order that C alone decides.
void row_sums(Stream&, TensorView sums, ConstTensorView x);
/// sum(ExactSum::stored), f64, += every element of x, f64 and none negative, without rounding: no
/// order or cut of x, and no order in which ranks add their sums, changes a bit of the total.
void exact_add(Stream&, TensorView sum, ConstTensorView x);
/// total(1), f64: the sum rounded once.
void exact_total(Stream&, TensorView total, ConstTensorView sum);

class ElementwiseOps {
 public:
  virtual ~ElementwiseOps() = default;
  virtual void do_add(Stream&, TensorView y, ConstTensorView a, ConstTensorView b) = 0;
  virtual void do_add_row(Stream&, TensorView y, ConstTensorView row) = 0;
  virtual void do_convert(Stream&, TensorView y, ConstTensorView x) = 0;
  virtual void do_fill(Stream&, TensorView y, double value) = 0;
  virtual void do_scale(Stream&, TensorView y, double factor) = 0;
  virtual void do_row_sums(Stream&, TensorView sums, ConstTensorView x) = 0;
  virtual void do_exact_add(Stream&, TensorView sum, ConstTensorView x) = 0;
  virtual void do_exact_total(Stream&, TensorView total, ConstTensorView sum) = 0;
};

}  // namespace tokenwerk
