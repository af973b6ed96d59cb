/// The tree of sums: the same whoever holds which leaves.

#include "parallel/data/sum_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace tokenwerk {
namespace {

/// The definition: two halves, the first being the largest power of two below the count.
std::string halves(Index first, Index count) {
  if (count == 1) return std::to_string(first);
  const auto half = static_cast<Index>(std::bit_floor(static_cast<std::uint64_t>(count - 1)));
  return "(" + halves(first, half) + "+" + halves(first + half, count - half) + ")";
}

void join(std::string& left, const std::string& right) { left = "(" + left + "+" + right + ")"; }

TEST(SumTree, IsTheTreeOfHalvesInWhateverOrderLeavesCome) {
  std::mt19937 random(3);  // NOLINT(cert-msc51-cpp): the same cases every time
  for (Index leaves = 1; leaves <= 40; ++leaves) {
    std::vector<Index> order;
    for (Index i = 0; i < leaves; ++i) order.push_back(i);
    for (int round = 0; round < 3; ++round) {
      const SumTree tree(leaves);
      TreeSums<std::string> sums(tree);
      for (Index leaf : order) sums.add({0, leaf}, std::to_string(leaf), join);
      ASSERT_EQ(sums.nodes().size(), 1u);
      EXPECT_EQ(sums.nodes().at(tree.root()), halves(0, leaves));
      std::shuffle(order.begin(), order.end(), random);
    }
  }
}

TEST(SumTree, RanksThatAddTheirRunsFirstGetTheSameTree) {
  for (Index each : {1, 2, 3, 4, 7, 8}) {
    for (Index ranks : {1, 2, 3, 4, 5, 8}) {
      const SumTree tree(each * ranks);
      TreeSums<std::string> all(tree);
      for (Index rank = ranks; rank-- > 0;) {
        TreeSums<std::string> mine(tree);
        for (Index leaf = rank * each; leaf < (rank + 1) * each; ++leaf)
          mine.add({0, leaf}, std::to_string(leaf), join);
        const std::vector<TreeNode> nodes = cover(tree, rank * each, (rank + 1) * each);
        ASSERT_EQ(nodes.size(), mine.nodes().size());
        EXPECT_LE(nodes.size(),
                  2 * static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(each))));
        for (const TreeNode& node : nodes) all.add(node, mine.nodes().at(node), join);
      }
      EXPECT_EQ(all.nodes().at(tree.root()), halves(0, each * ranks)) << each << " on " << ranks;
    }
  }
}

TEST(SumTree, HoldsFewSumsWhereLeavesComeInOrder) {
  const SumTree tree(1000);
  TreeSums<char> sums(tree);
  std::size_t most = 0;
  for (Index leaf = 0; leaf < 1000; ++leaf) {
    sums.add({0, leaf}, {}, [](char&, char) {});
    most = std::max(most, sums.nodes().size());
  }
  EXPECT_LE(most, 10u);
}

}  // namespace
}  // namespace tokenwerk
