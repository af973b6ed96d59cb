#pragma once
/// Which layers each stage of a pipeline computes.

#include <string>
#include <vector>

#include "models/config.h"

namespace tokenwerk {

/// Half-open range of blocks. The first stage also has the embedding, the last one the final norm
/// and the head.
struct BlockRange {
  Index first = 0;
  Index last = 0;
  [[nodiscard]] Index count() const { return last - first; }
  friend bool operator==(const BlockRange&, const BlockRange&) = default;
};

/// Splits the blocks into `stages` runs of at least one block each, so that the slowest stage is as
/// fast as can be, and among those the sum of squares of the stages' costs is least: FLOPs of a
/// token, forward and backward, the embedding's and the head's counted. Wants 1 <= stages <=
/// layers.
[[nodiscard]] std::vector<BlockRange> partition(const ModelConfig& config, Index stages);

/// The same from given counts of blocks, one a stage; they add up to the layers.
[[nodiscard]] std::vector<BlockRange> partition(const std::vector<Index>& blocks_of_stage);

/// Cost of one block and of the head, relative to each other: FLOPs of a token.
[[nodiscard]] double block_cost(const ModelConfig& config);
[[nodiscard]] double head_cost(const ModelConfig& config);

}  // namespace tokenwerk
