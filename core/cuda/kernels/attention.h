#pragma once
/// Kernels of core/ops/attention.h, for any GPU: tiles in shared memory, plain fused multiply-adds
/// in the type of the sums. Forward after Dao 2023, FlashAttention-2 (arXiv:2307.08691), algorithm
/// 1; backward as two kernels, one that gives dq and one that gives dk and dv, so that no sum needs
/// atomics.

#include "core/cuda/kernels/array.h"

namespace tokenwerk::cuda {

/// What AttentionShape says, without the keys that no query sees.
struct AttentionExtents {
  Index batch, heads, kv_heads, head_size, query_length, key_rows, query_offset;
  double scale;
};

/// The widest head whose tiles fit a block's shared memory.
inline constexpr Index most_head_size = 256;

[[nodiscard]] cudaError_t attention_forward(cudaStream_t, Array o, Array stats, ConstArray q,
                                            ConstArray k, ConstArray v,
                                            const AttentionExtents& extents);

struct AttentionInputs {
  ConstArray dout, q, k, v, o, stats;
};
/// Scratch in the type of the sums.
struct AttentionScratch {
  Array delta;   ///< (B,H,T)
  Array dk, dv;  ///< (B * key_rows, H * D), one gradient a query head; only for grouped heads
};
[[nodiscard]] cudaError_t attention_backward(cudaStream_t, Array dq, Array dk, Array dv,
                                             const AttentionInputs& in,
                                             const AttentionScratch& scratch,
                                             const AttentionExtents& extents);

}  // namespace tokenwerk::cuda
