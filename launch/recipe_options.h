#pragma once
/// The recipe on the command line of the commands that take one.

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "launch/recipe.h"

namespace tokenwerk {

/// What the parser found.
struct RecipeArguments {
  std::string file;
  std::vector<RecipeFlag> flags;        ///< unknown ones too: reading the recipe reports them
  std::vector<std::string> injections;  ///< launch/injection.h
};

/// Adds RECIPE, a flag for every key, and --inject. The result lives as long as the command and is
/// filled when the command's callback runs.
[[nodiscard]] std::shared_ptr<RecipeArguments> add_recipe_options(CLI::App& command);

}  // namespace tokenwerk
