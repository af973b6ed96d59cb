#pragma once
/// Causal attention by cuDNN's fused engines where it has one; what it chose is kept by shape.

#include <map>
#include <optional>
#include <set>

#include "core/cuda/cudnn_support.h"
#include "core/cuda/stream.h"
#include "core/ops/attention.h"
#include "core/tensor.h"

namespace tokenwerk::cuda {

/// The operands of a forward pass, or of a backward pass where dout is there; the pass says which
/// of them are written.
struct AttentionViews {
  ConstTensorView q, k, v, o, stats;
  ConstTensorView dout = {};
  ConstTensorView dq = {}, dk = {}, dv = {};
};

/// The call as one that cuDNN may know.
[[nodiscard]] FusedAttention fused(const AttentionViews& views, const AttentionShape& shape);

/// Of the contract of core/ops/attention.h it keeps less than our own kernels do: the same call
/// gives the same bits, but those of a sequence may depend on how many others the call has, and the
/// query heads of a group are summed in cuDNN's order.
class CudnnAttention {
 public:
  /// Runs the call, or does nothing where our own kernels must. Says so once for each reason.
  /// Throws DeviceError where cuDNN cannot be used on this GPU at all, or fails.
  [[nodiscard]] Support run(Stream& stream, const AttentionViews& views,
                            const AttentionShape& shape);

 private:
  struct Kept {
    FusedPlan plan;
    Descriptor executable;
    std::int64_t workspace_bytes = 0;
  };

  const Kept& kept(const FusedAttention& attention);
  Kept make(const FusedAttention& attention);
  void execute(Stream& stream, const Kept& kept, const AttentionViews& views,
               const AttentionShape& shape);

  UniqueCudnn handle_;  ///< made at the first use
  std::optional<CudnnTarget> target_;
  std::map<FusedAttention, Kept> kept_;
  std::set<std::string> said_;
};

}  // namespace tokenwerk::cuda
