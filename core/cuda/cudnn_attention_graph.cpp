#include "core/cuda/cudnn_attention_graph.h"

namespace tokenwerk::cuda {
namespace {

cudnnDataType_t type_of(DType dtype) {
  return dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

/// The arrays of an attention by their ports.
class Arrays {
 public:
  Arrays(Graph& graph, const FusedAttention& attention) : graph_(graph), a_(attention) {}

  /// (B, H, T, D), a window on rows of all heads.
  [[nodiscard]] GraphTensor rows(Port port, Index heads, Index stride, DType dtype) const {
    return graph_.in_memory(static_cast<std::int64_t>(port),
                            {a_.batch, heads, a_.length, a_.head_size},
                            {a_.length * stride, a_.head_size, stride, 1}, type_of(dtype));
  }
  [[nodiscard]] GraphTensor query(Port port, Index stride) const {
    return rows(port, a_.heads, stride, a_.dtype);
  }
  [[nodiscard]] GraphTensor key(Port port, Index stride) const {
    return rows(port, a_.kv_heads, stride, a_.dtype);
  }
  /// (B, kv heads, D, T), the same memory as a matrix's right operand.
  [[nodiscard]] GraphTensor key_transposed(Port port, Index stride) const {
    return graph_.in_memory(static_cast<std::int64_t>(port),
                            {a_.batch, a_.kv_heads, a_.head_size, a_.length},
                            {a_.length * stride, a_.head_size, 1, stride}, type_of(a_.dtype));
  }
  /// (B, H, T, last) in f32, dense.
  [[nodiscard]] GraphTensor sums(Port port, Index last) const {
    const Dims4 dims{a_.batch, a_.heads, a_.length, last};
    return graph_.in_memory(static_cast<std::int64_t>(port), dims, dense_strides(dims),
                            CUDNN_DATA_FLOAT);
  }
  [[nodiscard]] GraphTensor number(Port port) const {
    return graph_.number(static_cast<std::int64_t>(port));
  }
  [[nodiscard]] Dims4 scores() const { return {a_.batch, a_.heads, a_.length, a_.length}; }
  [[nodiscard]] Dims4 of_rows() const { return {a_.batch, a_.heads, a_.length, 1}; }

 private:
  Graph& graph_;
  const FusedAttention& a_;
};

/// p^T x of every query head, summed over the heads that share a kv head.
void key_gradient(Graph& g, const FusedAttention& a, const GraphTensor& y, const GraphTensor& pt,
                  const GraphTensor& x) {
  if (a.heads == a.kv_heads) {
    g.matmul(y, pt, x);
    return;
  }
  const GraphTensor of_heads =
      g.inside({a.batch, a.heads, a.length, a.head_size}, type_of(a.dtype));
  g.reduce(CUDNN_REDUCE_TENSOR_ADD, y, g.matmul(of_heads, pt, x));
}

}  // namespace

void build_forward(Graph& g, const FusedAttention& a) {
  const Arrays arrays(g, a);
  const Dims4 scores = arrays.scores(), of_rows = arrays.of_rows();
  const GraphTensor q = arrays.query(Port::q, a.q_stride);
  const GraphTensor kt = arrays.key_transposed(Port::k, a.k_stride);
  const GraphTensor v = arrays.key(Port::v, a.v_stride);

  GraphTensor s = g.matmul(g.inside(scores), q, kt);
  s = g.binary(CUDNN_POINTWISE_MUL, s, arrays.number(Port::scale));
  s = g.causal(s, arrays.number(Port::masked));
  const GraphTensor highest = g.reduce(CUDNN_REDUCE_TENSOR_MAX, g.inside(of_rows), s);
  s = g.unary(CUDNN_POINTWISE_EXP, g.binary(CUDNN_POINTWISE_SUB, s, highest));
  const GraphTensor total = g.reduce(CUDNN_REDUCE_TENSOR_ADD, g.inside(of_rows), s);
  g.binary(CUDNN_POINTWISE_ADD, arrays.sums(Port::stats, 1), highest,
           g.unary(CUDNN_POINTWISE_LOG, total));
  const GraphTensor p = g.binary(CUDNN_POINTWISE_DIV, g.inside(scores, type_of(a.dtype)), s, total);
  g.matmul(arrays.query(Port::o, a.o_stride), p, v);
}

void build_backward(Graph& g, const FusedAttention& a) {
  const Arrays arrays(g, a);
  const Dims4 scores = arrays.scores(), of_rows = arrays.of_rows();
  const Dims4 of_queries{a.batch, a.heads, a.length, a.head_size};
  const GraphTensor q = arrays.query(Port::q, a.q_stride), o = arrays.query(Port::o, a.o_stride);
  const GraphTensor dout = arrays.query(Port::dout, a.dout_stride);
  const GraphTensor kt = arrays.key_transposed(Port::k, a.k_stride);
  const GraphTensor vt = arrays.key_transposed(Port::v, a.v_stride);
  const GraphTensor scale = arrays.number(Port::scale);

  // dots = sum over D of dout o; the product with one is what the engines look for.
  GraphTensor dots = g.binary(CUDNN_POINTWISE_MUL, g.inside(of_queries), dout, o);
  dots = g.reduce(CUDNN_REDUCE_TENSOR_ADD, g.inside(of_rows), dots);
  dots = g.binary(CUDNN_POINTWISE_MUL, arrays.sums(Port::dots, 1), dots, arrays.number(Port::one));

  // p = exp(scale q k^T - stats), dv = p^T dout
  GraphTensor p = g.binary(CUDNN_POINTWISE_MUL, g.matmul(g.inside(scores), q, kt), scale);
  p = g.binary(CUDNN_POINTWISE_SUB, p, arrays.sums(Port::stats, 1));
  p = g.unary(CUDNN_POINTWISE_EXP, g.causal(p, arrays.number(Port::masked)));
  key_gradient(g, a, arrays.rows(Port::dv, a.kv_heads, a.dv_stride, a.kv_gradient),
               g.transposed(p, type_of(a.dtype)), dout);

  // ds = scale p (dout v^T - dots), dk = ds^T q
  GraphTensor ds = g.matmul(g.inside(scores), dout, vt);
  ds = g.binary(CUDNN_POINTWISE_MUL, g.binary(CUDNN_POINTWISE_SUB, ds, dots), p);
  ds = g.binary(CUDNN_POINTWISE_MUL, ds, scale);
  key_gradient(g, a, arrays.rows(Port::dk, a.kv_heads, a.dk_stride, a.kv_gradient),
               g.transposed(ds, type_of(a.dtype)), q);

  // dq = ds k
  const GraphTensor k = g.transposed(kt, type_of(a.dtype));
  g.matmul(arrays.query(Port::dq, a.dq_stride), ds, k);
}

}  // namespace tokenwerk::cuda
