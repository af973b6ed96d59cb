#include "launch/supervisor/elastic.h"

#include <algorithm>

#include "core/error.h"

namespace tokenwerk {
namespace {

bool is_legal(const RecipeSource& source, Index asked, Index ranks) {
  try {
    (void)read_recipe(source.file, flags_on(source, asked, ranks), ranks);
    return true;
  } catch (const ConfigError&) {
    return false;
  }
}

}  // namespace

std::vector<RecipeFlag> flags_on(const RecipeSource& source, Index asked, Index ranks) {
  std::vector<RecipeFlag> flags = source.flags;
  if (ranks == asked) return flags;
  const Recipe recipe = read_recipe(source.file, source.flags, asked);
  if (!recipe.parallel.data) return flags;
  const Index replica = recipe.parallel.tensor * recipe.parallel.pipeline;
  flags.push_back({"parallel.data", std::to_string(ranks / replica)});
  return flags;
}

std::optional<Index> most_legal_ranks(const RecipeSource& source, Index asked, Index available) {
  const Recipe recipe = read_recipe(source.file, source.flags, asked);
  const Index replica = recipe.parallel.tensor * recipe.parallel.pipeline;
  for (Index data = std::min(available, asked) / replica; data >= 1; --data)
    if (is_legal(source, asked, data * replica)) return data * replica;
  return std::nullopt;
}

}  // namespace tokenwerk
