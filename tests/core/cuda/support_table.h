#pragma once
/// Which attentions cuDNN accepts on which GPU, as the table of core/cuda/README.md.

#include <string>
#include <vector>

#include "core/cuda/cudnn_support.h"

namespace tokenwerk {

/// A GPU that isn't there, from tests/core/cuda/devices/NAME.json.
struct DescribedGpu {
  std::string title;
  cuda::CudnnTarget target;
};
[[nodiscard]] std::vector<DescribedGpu> described_gpus();

struct AttentionCase {
  std::string title;
  Index batch, heads, kv_heads, head_size, length;
};
/// Those of the recipes, which must be fast on every GPU.
[[nodiscard]] std::vector<AttentionCase> recipe_cases();
/// Others, at the edges of what cuDNN has engines for.
[[nodiscard]] std::vector<AttentionCase> edge_cases();

/// The attention with q, k and v side by side in one buffer, as the layers store them.
[[nodiscard]] cuda::FusedAttention side_by_side(const AttentionCase& c, cuda::Pass pass);

/// Lines of Markdown; each reason of cuDNN's is a note below the table.
[[nodiscard]] std::string support_table();

}  // namespace tokenwerk
