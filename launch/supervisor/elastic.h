#pragma once
/// A run on fewer ranks than it began with: the data axis shrinks, the model does not change.

#include <optional>

#include "launch/recipe.h"

namespace tokenwerk {

/// A recipe file, the flags that change it, and faults for a test (launch/injection.h).
struct RecipeSource {
  std::string file;
  std::vector<RecipeFlag> flags;
  std::vector<std::string> injections = {};
};

/// The most ranks, at most `available`, on which the recipe is legal with only parallel.data
/// changed: global batch, tensor and pipeline degrees stay (law 1). Nothing where even one replica
/// does not fit. The recipe is legal on `asked` ranks.
[[nodiscard]] std::optional<Index> most_legal_ranks(const RecipeSource& source, Index asked,
                                                    Index available);

/// The flags for so many ranks: a data degree that was given follows them.
[[nodiscard]] std::vector<RecipeFlag> flags_on(const RecipeSource& source, Index asked,
                                               Index ranks);

}  // namespace tokenwerk
