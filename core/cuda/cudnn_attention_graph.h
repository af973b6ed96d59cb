#pragma once
/// Causal attention as the operation graphs that cuDNN's fused engines recognise.

#include <compare>

#include "core/cuda/cudnn_graph.h"
#include "core/dtype.h"
#include "core/shape.h"

namespace tokenwerk::cuda {

enum class Pass { forward, backward };

/// One fused attention: all that cuDNN's choice of an engine may depend on. Every query sees the
/// keys up to its own row; queries and keys count `length` rows a sequence. Strides are from row to
/// row, in elements.
struct FusedAttention {
  Pass pass = Pass::forward;
  Index batch = 0, heads = 0, kv_heads = 0, head_size = 0, length = 0;
  Index q_stride = 0, k_stride = 0, v_stride = 0, o_stride = 0;
  Index dout_stride = 0, dq_stride = 0, dk_stride = 0, dv_stride = 0;  ///< backward only
  DType dtype = DType::bf16;        ///< of q, k, v, o, dout and dq
  DType kv_gradient = DType::bf16;  ///< of dk and dv
  bool whole_sequences = true;      ///< queries and keys are the same rows: no decoding
  bool aligned = true;              ///< all rows begin at multiples of 16 bytes

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 misreads the comparison with zero
  friend auto operator<=>(const FusedAttention&, const FusedAttention&) = default;
};

/// The graphs' arrays in memory, and numbers. `dots` (B,H,T,1) is scratch in f32.
enum class Port : std::int64_t {
  q = 1,
  k,
  v,
  o,
  stats,
  dout,
  dq,
  dk,
  dv,
  dots,
  scale,
  masked,
  one
};

/// o and stats from q, k and v.
void build_forward(Graph& graph, const FusedAttention& attention);
/// dq, dk and dv from dout, q, k, v, o and stats. dq is one product over all keys; adding it up in
/// f32, key block by key block, is the other form that the engines know, whose order is not fixed.
void build_backward(Graph& graph, const FusedAttention& attention);

}  // namespace tokenwerk::cuda
