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

/// Blocks of the first stage, of the last, and of so many stages between them.
struct Split {
  Index first, last, rest, between;
};

Quality quality_of(const ModelConfig& c, const Split& split) {
  const double block = block_cost(c);
  const auto square = [](double x) { return x * x; };
  const double first = static_cast<double>(split.first) * block + embedding_cost(c);
  const double last = static_cast<double>(split.last) * block + head_cost(c);
  Quality quality{std::max(first, last), square(first) + square(last)};
  if (split.between == 0) return quality;
  const Index fewer = split.rest / split.between, larger = split.rest % split.between;
  const double small = static_cast<double>(fewer) * block, large = small + block;
  quality.slowest = std::max(quality.slowest, larger > 0 ? large : small);
  quality.squares += static_cast<double>(larger) * square(large) +
                     static_cast<double>(split.between - larger) * square(small);
  return quality;
}

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
  if (stages == 1) return partition(std::vector<Index>{c.layers});
  // Only the ends hold more than blocks: whatever they take, the stages between share evenly, and
  // neither takes more than an even share of what one block on the other end leaves.
  const Index between = stages - 2, share = (c.layers - 1 + stages - 2) / (stages - 1);
  Quality best;
  Index first = 0, last = 0;
  for (Index f = 1; f <= share; ++f) {
    for (Index l = between == 0 ? c.layers - f : 1; l <= c.layers - f - between && l <= share;
         ++l) {
      const Quality quality = quality_of(c, {f, l, c.layers - f - l, between});
      if (!(quality < best)) continue;
      best = quality;
      first = f;
      last = l;
    }
  }
  std::vector<Index> counts{first};
  // The later a stage, the fewer micro-batches it keeps: it takes the block that is left over.
  for (Index s = 0; s < between; ++s) {
    const Index rest = c.layers - first - last;
    counts.push_back(rest * (s + 1) / between - rest * s / between);
  }
  counts.push_back(last);
  return partition(counts);
}

}  // namespace tokenwerk
