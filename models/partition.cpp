#include "models/partition.h"

#include <algorithm>
#include <limits>

#include "core/error.h"

namespace tokenwerk {
namespace {

/// A token's additions: its position, and in backward both gradients.
double embedding_cost(const ModelConfig& c) { return 3.0 * static_cast<double>(c.width); }

/// How good a split is: first the slowest stage, then how even the others are.
struct Quality {
  double slowest = std::numeric_limits<double>::infinity();
  double squares = std::numeric_limits<double>::infinity();
  friend auto operator<=>(const Quality&, const Quality&) = default;
};

}  // namespace

double block_cost(const ModelConfig& c) {
  const Index kv_width = c.width / c.heads * c.kv_heads;
  const Index weights = 2 * c.width * c.width + 2 * c.width * kv_width +
                        (c.family == Family::gpt ? 2 : 3) * c.width * c.ffn_width;
  return 6.0 * static_cast<double>(weights + c.sequence_length * c.width);
}

double head_cost(const ModelConfig& c) {
  // Forward, the same again in backward, dx and dW: four products.
  return 8.0 * static_cast<double>(c.vocabulary * c.width);
}

std::vector<BlockRange> partition(const std::vector<Index>& blocks_of_stage) {
  std::vector<BlockRange> ranges;
  Index first = 0;
  for (const Index count : blocks_of_stage) {
    ranges.push_back({first, first + count});
    first += count;
  }
  return ranges;
}

std::vector<BlockRange> partition(const ModelConfig& c, Index stages) {
  TW_CHECK_AS(ConfigError, 1 <= stages && stages <= c.layers, stages, " stages of ", c.layers,
              " layers");
  const auto cost = [&](Index stage, Index blocks) {
    return static_cast<double>(blocks) * block_cost(c) + (stage == 0 ? embedding_cost(c) : 0.0) +
           (stage + 1 == stages ? head_cost(c) : 0.0);
  };
  // best[s][n]: the first s stages hold n blocks; taken[s][n]: how many of them the last one holds.
  const auto columns = static_cast<std::size_t>(c.layers) + 1;
  std::vector<std::vector<Quality>> best(static_cast<std::size_t>(stages) + 1,
                                         std::vector<Quality>(columns));
  std::vector<std::vector<Index>> taken(best.size(), std::vector<Index>(columns, 0));
  best[0][0] = {0.0, 0.0};
  for (std::size_t s = 1; s < best.size(); ++s) {
    for (std::size_t n = s; n < columns; ++n) {
      for (std::size_t blocks = 1; blocks <= n - s + 1; ++blocks) {
        const Quality& before = best[s - 1][n - blocks];
        const double here = cost(static_cast<Index>(s) - 1, static_cast<Index>(blocks));
        const Quality with{std::max(before.slowest, here), before.squares + here * here};
        if (with < best[s][n]) {
          best[s][n] = with;
          taken[s][n] = static_cast<Index>(blocks);
        }
      }
    }
  }
  std::vector<Index> counts(static_cast<std::size_t>(stages));
  auto left = static_cast<std::size_t>(c.layers);
  for (std::size_t s = counts.size(); s-- > 0;) {
    counts[s] = taken[s + 1][left];
    left -= static_cast<std::size_t>(counts[s]);
  }
  return partition(counts);
}

}  // namespace tokenwerk
