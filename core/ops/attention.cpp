#include "core/ops/attention.h"

namespace tokenwerk {
namespace {

AttentionOps& family(Stream& stream) { return *stream.device().operations().attention; }

/// What the views of queries (q, o and their gradients) and of keys (k, v, dk, dv) must be.
struct Operands {
  std::string_view operation;
  const AttentionShape& shape;
  DType dtype;

  void check_shape() const {
    const AttentionShape& s = shape;
    TW_CHECK_AS(ShapeError, dtype != DType::i32, operation, ": q is i32");
    TW_CHECK_AS(ShapeError, s.batch >= 0 && s.heads > 0 && s.kv_heads > 0 && s.head_size > 0,
                operation, ": ", s.batch, " sequences, ", s.heads, " heads, ", s.kv_heads,
                " kv heads of ", s.head_size);
    TW_CHECK_AS(ShapeError, s.heads % s.kv_heads == 0, operation, ": ", s.heads,
                " query heads do not divide among ", s.kv_heads, " kv heads");
    TW_CHECK_AS(ShapeError,
                s.query_length >= 0 && s.query_offset >= 0 &&
                    s.key_length >= s.query_offset + s.query_length && s.key_rows >= s.key_length,
                operation, ": queries at ", s.query_offset, " to ", s.query_offset + s.query_length,
                ", ", s.key_length, " keys in ", s.key_rows, " rows");
  }
  void check_query(const ConstTensorView& view, std::string_view name) const {
    check_matrix(view, operation, name, shape.batch * shape.query_length,
                 shape.heads * shape.head_size, dtype);
  }
  void check_key(const ConstTensorView& view, std::string_view name) const {
    check_key(view, name, dtype);
  }
  /// dk and dv share a type, which may be that of the sums.
  void check_key_gradients(const ConstTensorView& dk, const ConstTensorView& dv) const {
    const DType type = dk.dtype == accumulation_type(dtype) ? dk.dtype : dtype;
    check_key(dk, "dk", type);
    check_key(dv, "dv", type);
  }
  void check_key(const ConstTensorView& view, std::string_view name, DType type) const {
    check_matrix(view, operation, name, shape.batch * shape.key_rows,
                 shape.kv_heads * shape.head_size, type);
  }
  void check_stats(const ConstTensorView& stats) const {
    check_vector(stats, operation, "stats", shape.batch * shape.heads * shape.query_length,
                 accumulation_type(dtype));
  }
};

}  // namespace

void attention_forward(Stream& stream, TensorView o, TensorView stats, ConstTensorView q,
                       ConstTensorView k, ConstTensorView v, const AttentionShape& shape) {
  const Operands operands{"attention_forward", shape, q.dtype};
  operands.check_shape();
  operands.check_query(o, "o");
  operands.check_query(q, "q");
  operands.check_key(k, "k");
  operands.check_key(v, "v");
  operands.check_stats(stats);
  family(stream).do_attention_forward(stream, o, stats, q, k, v, shape);
}

void attention_backward(Stream& stream, TensorView dq, TensorView dk, TensorView dv,
                        ConstTensorView dout, ConstTensorView q, ConstTensorView k,
                        ConstTensorView v, ConstTensorView o, ConstTensorView stats,
                        const AttentionShape& shape) {
  const Operands operands{"attention_backward", shape, q.dtype};
  operands.check_shape();
  operands.check_query(dq, "dq");
  operands.check_key_gradients(dk, dv);
  operands.check_query(dout, "do");
  operands.check_query(q, "q");
  operands.check_key(k, "k");
  operands.check_key(v, "v");
  operands.check_query(o, "o");
  operands.check_stats(stats);
  family(stream).do_attention_backward(stream, dq, dk, dv, dout, q, k, v, o, stats, shape);
}

}  // namespace tokenwerk
