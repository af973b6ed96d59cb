#pragma once
/// Whether an attention runs on cuDNN's fused engines, and how.

#include "core/cuda/cudnn_attention_graph.h"
#include "core/cuda/cudnn_choice.h"

namespace tokenwerk::cuda {

/// Whether cuDNN's fused engines run an attention; if not, our own kernels do.
struct Support {
  bool fast = false;
  std::string why_not;  ///< for people; empty where fast
};

/// All that a fast attention needs to run. The backward pass may be cut into slices of whole
/// sequences or, of one sequence, of whole kv heads with their query heads, which run one after the
/// other in the same workspace.
struct FusedPlan {
  Support support;
  FusedAttention slice;          ///< of the call, equal to it where one run does
  std::unique_ptr<Graph> graph;  ///< of a slice
  Choice choice;
};

/// A slice's workspace stays below the first where slices can be cut that small, and always below
/// the second.
inline constexpr std::int64_t wanted_workspace = std::int64_t{640} << 20;
inline constexpr std::int64_t most_workspace = std::int64_t{4} << 30;

/// Why cuDNN isn't even asked; empty where it is. Knows the call alone, not the GPU.
[[nodiscard]] std::string never_fast(const FusedAttention& attention);

/// What `target` does with an attention. The same question has the same answer: sums have a fixed
/// order, so dq is never added up by atomics.
[[nodiscard]] FusedPlan plan_attention(const CudnnTarget& target, const FusedAttention& attention);

}  // namespace tokenwerk::cuda
