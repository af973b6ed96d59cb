#pragma once
/// Causal softmax attention in blocks: no T x T matrix is ever stored. Online softmax after
/// Milakov, Gimelshein 2018 (arXiv:1805.02867); the tiling and the backward pass that recomputes
/// the probabilities from the log-sum-exp after Dao 2023, FlashAttention-2 (arXiv:2307.08691),
/// algorithms 1 and 2.

#include "core/ops/check.h"

namespace tokenwerk {

/// What the views of one call mean. Query row i of a sequence stands at position
/// query_offset + i and sees the keys 0 .. query_offset + i.
struct AttentionShape {
  Index batch = 0;         ///< B, sequences
  Index heads = 0;         ///< H, query heads
  Index kv_heads = 0;      ///< key and value heads; head h reads kv head h / (H / kv_heads)
  Index head_size = 0;     ///< D
  Index query_length = 0;  ///< T, query rows a sequence
  Index key_length = 0;    ///< keys a sequence; at least query_offset + query_length
  Index key_rows =
      0;  ///< rows from one sequence's keys to the next one's (a cache holds more than it uses)
  Index query_offset = 0;
  double scale = 1.0;  ///< factor of q . k, usually 1 / sqrt(D)
};

/// o(B*T, H*D) = softmax(scale q k^T, causal) v with q(B*T, H*D), k and v(B*key_rows, kv_heads*D);
/// stats(B,H,T) receives each row's log-sum-exp of the scaled scores, in accumulation_type.
void attention_forward(Stream&, TensorView o, TensorView stats, ConstTensorView q,
                       ConstTensorView k, ConstTensorView v, const AttentionShape& shape);

/// dq, dk, dv (shapes of q, k, v) from do(B*T, H*D), overwritten. dk and dv have the dtype of k, or
/// are both in accumulation_type, so that sums can go on. The query heads of a group are cut into
/// equal runs, as many as the largest power of two that divides their number; each element of
/// theirs is summed over the heads of a run in their order, then by a binary tree over the runs. So
/// ranks that hold a half, a quarter or an eighth of a group end the tree by pairwise sums.
///
/// In both passes the bits of a sequence and head depend on nothing else in the call, and those of
/// a query's row only on its position and what it sees; but for bf16 on a GPU, where a library's
/// kernels may run that have an order of their own (core/cuda/README.md).
void attention_backward(Stream&, TensorView dq, TensorView dk, TensorView dv, ConstTensorView dout,
                        ConstTensorView q, ConstTensorView k, ConstTensorView v, ConstTensorView o,
                        ConstTensorView stats, const AttentionShape& shape);

class AttentionOps {
 public:
  virtual ~AttentionOps() = default;
  virtual void do_attention_forward(Stream&, TensorView o, TensorView stats, ConstTensorView q,
                                    ConstTensorView k, ConstTensorView v,
                                    const AttentionShape& shape) = 0;
  virtual void do_attention_backward(Stream&, TensorView dq, TensorView dk, TensorView dv,
                                     ConstTensorView dout, ConstTensorView q, ConstTensorView k,
                                     ConstTensorView v, ConstTensorView o, ConstTensorView stats,
                                     const AttentionShape& shape) = 0;
};

}  // namespace tokenwerk
