#pragma once
/// Which combinations a table of layouts tries.

#include <functional>
#include <set>
#include <utility>

#include "tests/parallel/layouts/layout.h"

namespace tokenwerk::test {

/// What a layout makes use of, coarsely: "tied", "tensor", "delayed weight gradients", "zero 2".
/// What it leaves out is no feature: a layout without anything is the reference itself.
[[nodiscard]] std::set<std::string> features_of(const Layout& layout);

/// Every key's value, "schedule=zb-v", where the layout's other keys let it mean something.
[[nodiscard]] std::set<std::string> values_of(const Layout& layout);

/// Every legal layout of 2 to 8 ranks of models with so many layers.
[[nodiscard]] std::vector<Layout> legal_layouts(int layers);

using WordPair = std::pair<std::string, std::string>;
using WordsOf = std::function<std::set<std::string>(const Layout&)>;

/// Pairs of words that some legal layout has both of, and none of the table has.
[[nodiscard]] std::set<WordPair> missing_pairs(const std::vector<Layout>& table,
                                               const std::vector<Layout>& legal,
                                               const WordsOf& words);

}  // namespace tokenwerk::test
