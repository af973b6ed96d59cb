/// Splits of a model into stages against every split there is.

#include "models/partition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "core/error.h"

namespace tokenwerk {
namespace {

ModelConfig model(Index layers, Index vocabulary, Family family = Family::gpt) {
  return {.family = family,
          .layers = layers,
          .width = 32,
          .heads = 4,
          .kv_heads = family == Family::gpt ? 4 : 2,
          .ffn_width = 128,
          .vocabulary = vocabulary,
          .sequence_length = 64};
}

/// All ways to write a number as a sum of so many positive ones.
void for_each_split(Index sum, Index parts, std::vector<Index>& split,
                    const std::function<void(const std::vector<Index>&)>& visit) {
  if (parts == 1) {
    split.push_back(sum);
    visit(split);
    split.pop_back();
    return;
  }
  for (Index first = 1; first <= sum - parts + 1; ++first) {
    split.push_back(first);
    for_each_split(sum - first, parts - 1, split, visit);
    split.pop_back();
  }
}

struct Quality {
  double slowest, squares;
  friend bool operator==(const Quality&, const Quality&) = default;
};

/// FLOPs of a token: each weight is used by three products, the head's by four; the embedding adds
/// two arrays forward and gives its gradient to both.
Quality quality_of(const ModelConfig& c, const std::vector<Index>& blocks) {
  Quality quality{0.0, 0.0};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    double cost = static_cast<double>(blocks[i]) * block_cost(c);
    if (i == 0) cost += 3.0 * static_cast<double>(c.width);
    if (i + 1 == blocks.size()) cost += 8.0 * static_cast<double>(c.vocabulary * c.width);
    quality.slowest = std::max(quality.slowest, cost);
    quality.squares += cost * cost;
  }
  return quality;
}

std::vector<Index> counts_of(const std::vector<BlockRange>& ranges) {
  std::vector<Index> counts;
  for (const BlockRange& range : ranges) counts.push_back(range.count());
  return counts;
}

TEST(Partition, IsTheBestOfAllSplits) {
  for (const Index vocabulary : {1, 257, 3000, 50000}) {
    for (Index layers = 1; layers <= 9; ++layers) {
      const ModelConfig c = model(layers, vocabulary);
      for (Index stages = 1; stages <= layers; ++stages) {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        Quality best{infinity, infinity};
        std::vector<Index> split;
        for_each_split(layers, stages, split, [&](const std::vector<Index>& blocks) {
          const Quality q = quality_of(c, blocks);
          if (q.slowest < best.slowest || (q.slowest == best.slowest && q.squares < best.squares))
            best = q;
        });
        const Quality found = quality_of(c, counts_of(partition(c, stages)));
        EXPECT_DOUBLE_EQ(found.slowest, best.slowest) << layers << " layers, " << stages;
        EXPECT_DOUBLE_EQ(found.squares, best.squares) << layers << " layers, " << stages;
      }
    }
  }
}

TEST(Partition, GivesEveryBlockToOneStageInOrder) {
  for (Index stages = 1; stages <= 12; ++stages) {
    const std::vector<BlockRange> ranges = partition(model(12, 257), stages);
    ASSERT_EQ(static_cast<Index>(ranges.size()), stages);
    Index next = 0;
    for (const BlockRange& range : ranges) {
      EXPECT_EQ(range.first, next);
      EXPECT_GT(range.last, range.first);
      next = range.last;
    }
    EXPECT_EQ(next, 12);
  }
}

TEST(Partition, CountsTheHead) {
  EXPECT_EQ(counts_of(partition(model(12, 1), 4)), (std::vector<Index>{3, 3, 3, 3}));
  // A head of two blocks' cost takes their place on the last stage.
  ModelConfig c = model(14, 1);
  c.vocabulary = static_cast<Index>(2.0 * block_cost(c) / (8.0 * static_cast<double>(c.width)));
  EXPECT_NEAR(head_cost(c), 2.0 * block_cost(c), 0.01 * block_cost(c));
  EXPECT_EQ(counts_of(partition(c, 4)), (std::vector<Index>{4, 4, 4, 2}));
}

TEST(Partition, CostOfABlockIsWhatTheModelsFlopsGrowBy) {
  for (const Family family : {Family::gpt, Family::llama}) {
    const ModelConfig c = model(3, 257, family), more = model(4, 257, family);
    // flops_per_token counts norms and biases as if they were matrices.
    const Index vectors = family == Family::llama ? 2 * 32 : 4 * 32 + 4 * 32 + 128 + 32;
    EXPECT_DOUBLE_EQ(block_cost(c), flops_per_token(more) - flops_per_token(c) -
                                        6.0 * static_cast<double>(vectors));
  }
}

TEST(Partition, TakesGivenCountsAsTheyAre) {
  EXPECT_EQ(partition({3, 1, 2}), (std::vector<BlockRange>{{0, 3}, {3, 4}, {4, 6}}));
}

TEST(Partition, RefusesMoreStagesThanLayersOrNone) {
  EXPECT_THROW((void)partition(model(4, 257), 5), ConfigError);
  EXPECT_THROW((void)partition(model(4, 257), 0), ConfigError);
}

}  // namespace
}  // namespace tokenwerk
