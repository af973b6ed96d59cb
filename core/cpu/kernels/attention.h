#pragma once
/// Kernels of core/cpu/attention.cpp. One call serves one kv head of one sequence with all the
/// query heads that read it.

#include <bit>

#include "core/cpu/isa.h"
#include "core/dtype.h"

namespace tokenwerk::cpu {

/// Queries and keys of a block; blocks begin at multiples of it in the sequence.
inline constexpr Index attention_block = 64;

/// First row of an operand and the elements from one row to the next.
struct AttentionRows {
  void* data = nullptr;
  Index stride = 0;
};
struct ConstAttentionRows {
  const void* data = nullptr;
  Index stride = 0;
};

/// The work of one call. Operands begin at the sequence's first row and at the columns of the kv
/// head, or of its first query head; the other query heads' columns follow.
struct AttentionTask {
  DType dtype;
  Index group;         ///< query heads
  Index head_size;     ///< D
  Index query_length;  ///< T
  Index key_rows;      ///< rows of dk and dv; those that no query sees receive zeros
  Index query_offset;  ///< position of the first query
  double scale;
  ConstAttentionRows q, k, v;
  AttentionRows o;            ///< written by forward, as is
  void* stats;                ///< (group, T), f32 or f64
  ConstAttentionRows o_read;  ///< the same, read by backward
  const void* stats_read;
  ConstAttentionRows dout;
  AttentionRows dq, dk, dv;
  DType key_gradient_dtype;  ///< of dk and dv: `dtype`, or the type of the sums
  void* scratch;             ///< of the size below
};

/// D as the kernels store it in scratch: whole vectors of sixteen.
[[nodiscard]] constexpr Index padded_head_size(Index head_size) {
  return (head_size + 15) / 16 * 16;
}

/// Heads of each run of a group: the runs are as many as the largest power of two that divides it.
[[nodiscard]] constexpr Index attention_run_heads(Index group) {
  return group >> std::countr_zero(static_cast<std::uint64_t>(group));
}
/// Sums that a binary tree over the runs of a group holds at once.
[[nodiscard]] constexpr Index attention_tree_levels(Index group) {
  return std::countr_zero(static_cast<std::uint64_t>(group)) + 1;
}

/// Elements (f32 or f64) of scratch. `keys` counts those that the last query sees.
[[nodiscard]] constexpr Index attention_forward_scratch(Index head_size, Index keys) {
  const Index width = padded_head_size(head_size);
  return 2 * keys * width + 2 * attention_block * width + attention_block * attention_block;
}
[[nodiscard]] constexpr Index attention_backward_scratch(Index head_size, Index keys, Index group) {
  const Index width = padded_head_size(head_size);
  return (2 + 2 * attention_tree_levels(group)) * keys * width + 5 * attention_block * width +
         2 * attention_block * attention_block;
}

struct AttentionKernels {
  /// o and stats of the queries first .. last, first being a multiple of attention_block.
  void (*forward)(const AttentionTask& task, Index first, Index last);
  void (*backward)(const AttentionTask& task);
};

TW_DECLARE_KERNELS(AttentionKernels, attention_kernels)

}  // namespace tokenwerk::cpu
