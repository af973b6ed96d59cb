#pragma once
/// A small recipe, and what reading it or a changed one gives.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "launch/recipe.h"

namespace tokenwerk::test {

inline constexpr const char* small = R"([model]
family = "gpt"
layers = 2
width = 64
heads = 4

[data]
train = "data/bible"

[training]
steps = 100
global_batch = 8
micro_batch = 2
)";

inline Recipe read(const std::string& text, const std::vector<RecipeFlag>& flags = {},
                   Index ranks = 1) {
  return read_recipe_text(text, "run.toml", flags, ranks);
}

/// The message of the ConfigError; fails if there is none.
inline std::string fault(const std::string& text, const std::vector<RecipeFlag>& flags = {},
                         Index ranks = 1) {
  try {
    (void)read(text, flags, ranks);
  } catch (const ConfigError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no fault found";
  return {};
}

}  // namespace tokenwerk::test
