#pragma once
/// Element by element: sums, copies, conversions; and plain sums over an array.

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
/// total(1), f64: the sum of x(N,C), as f64 sums of rows added in the order of a binary tree over
/// the row index (two halves, the first being the largest power of two below the count).
void sum(Stream&, TensorView total, ConstTensorView x, Write write);

class ElementwiseOps {
 public:
  virtual ~ElementwiseOps() = default;
  virtual void do_add(Stream&, TensorView y, ConstTensorView a, ConstTensorView b) = 0;
  virtual void do_add_row(Stream&, TensorView y, ConstTensorView row) = 0;
  virtual void do_convert(Stream&, TensorView y, ConstTensorView x) = 0;
  virtual void do_fill(Stream&, TensorView y, double value) = 0;
  virtual void do_scale(Stream&, TensorView y, double factor) = 0;
  virtual void do_sum(Stream&, TensorView total, ConstTensorView x, Write write) = 0;
};

}  // namespace tokenwerk
