#include "core/cuda/cudnn_support.h"

#include <algorithm>

namespace tokenwerk::cuda {
namespace {

/// For older ones NVIDIA's cudnn-frontend pads the mask of lengths that are no multiple of 128,
/// which the graphs here do not.
constexpr std::size_t least_version = 91600;

/// On data-centre Blackwell (10.x), the engine that sums dq in a kernel of its own: no atomics, and
/// no workspace that grows with the square of the length. cuDNN's heuristics never offer it; engine
/// and knobs are those that NVIDIA's cudnn-frontend names for a deterministic backward pass in
/// these versions (9.18 to 9.22). Other GPUs refuse it.
Choice split_backward(const CudnnTarget& target, const Graph& graph) {
  if (const std::size_t version = cudnnGetVersion(); version < 91800 || version >= 92300) {
    Choice none;
    none.why_not = "this cuDNN numbers its engines otherwise";
    return none;
  }
  return choose_named(target, graph, 5,
                      {{CUDNN_KNOB_TYPE_KERNEL_CFG, 31}, {CUDNN_KNOB_TYPE_STAGES, 2}});
}

/// A plan for all of an attention, of any workspace.
FusedPlan plan_whole(const CudnnTarget& target, const FusedAttention& attention) {
  FusedPlan plan;
  plan.slice = attention;
  plan.graph = std::make_unique<Graph>();
  if (attention.pass == Pass::forward) {
    build_forward(*plan.graph, attention);
  } else {
    build_backward(*plan.graph, attention);
  }
  plan.support.why_not = plan.graph->try_finalize();
  if (!plan.support.why_not.empty()) return plan;
  if (attention.pass == Pass::backward) plan.choice = split_backward(target, *plan.graph);
  if (attention.pass == Pass::forward || !plan.choice.found())
    plan.choice = choose(target, *plan.graph);
  plan.support = {plan.choice.found(), plan.choice.why_not};
  return plan;
}

/// The largest divisor of `count` that is at most `most`, or 1.
Index divisor_up_to(Index count, Index most) {
  for (Index divisor = std::min(count, most); divisor > 1; --divisor)
    if (count % divisor == 0) return divisor;
  return 1;
}

/// The largest slice whose share of `bytes` is at most what is wanted; the least if none is. The
/// statistics of each slice must begin at a multiple of 16 bytes, so odd lengths stay whole.
FusedAttention cut(const FusedAttention& attention, std::int64_t bytes) {
  FusedAttention slice = attention;
  if (attention.length % 4 != 0) return slice;
  const std::int64_t of_sequence = bytes / attention.batch;
  slice.batch = divisor_up_to(attention.batch, wanted_workspace / of_sequence);
  if (of_sequence <= wanted_workspace) return slice;
  const Index group = attention.heads / attention.kv_heads;
  slice.kv_heads =
      divisor_up_to(attention.kv_heads, wanted_workspace / (of_sequence / attention.kv_heads));
  slice.heads = slice.kv_heads * group;
  return slice;
}

}  // namespace

std::string never_fast(const FusedAttention& a) {
  if (a.dtype != DType::bf16)
    return fmt::format("cuDNN's engines take bf16, not {}", name_of(a.dtype));
  if (!a.whole_sequences) return "queries continue a sequence that is in a cache";
  if (!a.aligned) return "rows do not begin at multiples of 16 bytes";
  if (a.batch == 0 || a.length == 0) return "there is nothing to do";
  if (cudnnGetVersion() < least_version)
    return fmt::format("cuDNN {} is older than {}", cudnnGetVersion(), least_version);
  return {};
}

FusedPlan plan_attention(const CudnnTarget& target, const FusedAttention& attention) {
  FusedPlan plan;
  plan.slice = attention;
  plan.support.why_not = never_fast(attention);
  if (!plan.support.why_not.empty()) return plan;
  plan = plan_whole(target, attention);
  if (!plan.support.fast || plan.choice.workspace_bytes <= wanted_workspace) return plan;
  if (attention.pass == Pass::backward)
    plan = plan_whole(target, cut(attention, plan.choice.workspace_bytes));
  if (plan.support.fast && plan.choice.workspace_bytes > most_workspace) {
    plan.support = {false, fmt::format("cuDNN wants a workspace of {} MiB, the most is {} MiB",
                                       plan.choice.workspace_bytes >> 20, most_workspace >> 20)};
  }
  return plan;
}

}  // namespace tokenwerk::cuda
