/// The tables of layouts leave no combination of two features untried.

#include "tests/parallel/layouts/coverage.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tokenwerk::test {
namespace {

/// One pair a line; nothing is what is hoped for.
std::string text_of(const std::set<WordPair>& pairs) {
  std::string text;
  for (const auto& [a, b] : pairs) text += a + " with " + b + "\n";
  return text;
}

TEST(Coverage, TheDefaultTableJoinsEveryPairOfFeatures) {
  EXPECT_EQ(text_of(missing_pairs(default_layouts(), legal_layouts(4), features_of)), "");
}

TEST(Coverage, TheLongTableJoinsEveryPairOfValues) {
  EXPECT_GT(long_layouts().size(), 60u);
  EXPECT_EQ(text_of(missing_pairs(long_layouts(), legal_layouts(8), values_of)), "");
}

TEST(Coverage, FindsWhatATableLacks) {
  // No other row joins these: without it, the pair is named.
  std::vector<Layout> table{{4, Tiny::gpt, Precision::f32, "tensor=2 pipeline=2 schedule=zb-v"}};
  const std::vector<Layout> legal{table[0], {2, Tiny::gpt, Precision::bf16, ""}};
  EXPECT_EQ(text_of(missing_pairs(table, legal, features_of)),
            "bf16 with data\nbf16 with tied\ndata with tied\n");
}

TEST(Coverage, EveryScheduleAndRankCountStandsInTheDefaultTable) {
  std::set<std::string> schedules;
  std::set<int> ranks;
  for (const Layout& layout : default_layouts()) {
    ranks.insert(layout.ranks);
    if (number_of(layout, "pipeline", 1) > 1)
      schedules.insert(value_of(layout, "schedule", "1f1b"));
  }
  EXPECT_EQ(ranks, (std::set<int>{1, 2, 4, 8}));
  EXPECT_EQ(schedules,
            (std::set<std::string>{"1f1b", "file", "gpipe", "interleaved", "zb-h1", "zb-v"}));
}

TEST(Coverage, NoRowStandsTwice) {
  std::set<std::string> names;
  std::size_t rows = 0;
  for (const auto& table : {default_layouts(), long_layouts(), odd_layouts(), many_ranks()}) {
    for (const Layout& layout : table)
      names.insert(name_of(layout) + "_" + std::to_string(layout.layers));
    rows += table.size();
  }
  EXPECT_EQ(names.size(), rows);
}

}  // namespace
}  // namespace tokenwerk::test
