#pragma once
/// The binary tree in which gradients are summed over the sequences of the global batch: two
/// halves, the first being the largest power of two below the count. Its nodes do not depend on who
/// holds which leaves, so that a sum in its order has the same bits on any number of ranks.

#include <bit>
#include <map>
#include <utility>
#include <vector>

#include "core/dtype.h"

namespace tokenwerk {

/// The leaves index * 2^level up to the next one's first, or to the end.
struct TreeNode {
  int level = 0;
  Index index = 0;
  friend auto operator<=>(const TreeNode&, const TreeNode&) = default;
};

class SumTree {
 public:
  explicit SumTree(Index leaves) : leaves_(leaves) {}

  [[nodiscard]] Index leaves() const { return leaves_; }
  [[nodiscard]] TreeNode root() const {
    return {static_cast<int>(std::bit_width(static_cast<std::uint64_t>(leaves_ - 1))), 0};
  }
  /// Whether a node has a neighbour to be added to; otherwise its parent equals it.
  [[nodiscard]] bool has_sibling(TreeNode node) const {
    return ((node.index ^ 1) << node.level) < leaves_;
  }

 private:
  Index leaves_;
};

/// Sums of nodes that wait for their siblings: at most log2 of the leaves where these come in
/// order.
template <typename T>
class TreeSums {
 public:
  explicit TreeSums(const SumTree& tree) : tree_(tree) {}

  /// Adds the sum of a node. Siblings that are both there become their parent: join(left, right)
  /// adds the right one to the left one.
  template <typename Join>
  void add(TreeNode node, T value, const Join& join) {
    while (node != tree_.root()) {
      if (tree_.has_sibling(node)) {
        const auto sibling = nodes_.find({node.level, node.index ^ 1});
        if (sibling == nodes_.end()) break;
        T other = std::move(sibling->second);
        nodes_.erase(sibling);
        if (node.index % 2 != 0) std::swap(value, other);
        join(value, other);
      }
      node = {node.level + 1, node.index / 2};
    }
    nodes_.emplace(node, std::move(value));
  }

  [[nodiscard]] std::map<TreeNode, T>& nodes() { return nodes_; }

 private:
  SumTree tree_;
  std::map<TreeNode, T> nodes_;
};

/// The largest nodes that consist of the leaves first .. last alone, ascending.
[[nodiscard]] inline std::vector<TreeNode> cover(const SumTree& tree, Index first, Index last) {
  TreeSums<char> sums(tree);
  for (Index leaf = first; leaf < last; ++leaf) sums.add({0, leaf}, {}, [](char&, char) {});
  std::vector<TreeNode> nodes;
  for (const auto& [node, nothing] : sums.nodes()) nodes.push_back(node);
  return nodes;
}

}  // namespace tokenwerk
