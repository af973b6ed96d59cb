#include "core/ops/rope.h"

namespace tokenwerk {
namespace {

RopeOps& family(Stream& stream) { return *stream.device().operations().rope; }

void check(std::string_view operation, const ConstTensorView& x, const Rope& rope) {
  TW_CHECK_AS(ShapeError, x.dtype != DType::i32, operation, ": x is i32");
  check_matrix(x, operation, "x", x.rows(), x.columns(), x.dtype);
  TW_CHECK_AS(ShapeError, rope.head_size > 0 && rope.head_size % 2 == 0, operation, ": head size ",
              rope.head_size, " is not even");
  TW_CHECK_AS(ShapeError, x.columns() % rope.head_size == 0, operation, ": ", x.columns(),
              " columns are no whole number of heads of ", rope.head_size);
  TW_CHECK_AS(ShapeError, rope.rows_per_sequence > 0 && x.rows() % rope.rows_per_sequence == 0,
              operation, ": ", x.rows(), " rows are no whole number of sequences of ",
              rope.rows_per_sequence);
  TW_CHECK_AS(ShapeError, rope.token_offset >= 0 && rope.theta > 0.0, operation, ": token offset ",
              rope.token_offset, ", theta ", rope.theta);
}

}  // namespace

void rope_forward(Stream& stream, TensorView x, const Rope& rope) {
  check("rope_forward", x, rope);
  family(stream).do_rope_forward(stream, x, rope);
}

void rope_backward(Stream& stream, TensorView dx, const Rope& rope) {
  check("rope_backward", dx, rope);
  family(stream).do_rope_backward(stream, dx, rope);
}

}  // namespace tokenwerk
