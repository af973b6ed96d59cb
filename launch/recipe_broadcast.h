#pragma once
/// A run's recipe on every rank, from the files of rank 0 alone.

#include "launch/recipe_options.h"
#include "parallel/comm/environment.h"

namespace tokenwerk {

/// Rank 0 reads the recipe, the schedule and the tokenizer that it names, checks and completes it,
/// and sends the whole in one broadcast: ten thousand ranks do not ask the file system for the same
/// small files, and cannot find different ones. Every rank calls together. Throws SharedError:
/// every fault of the recipe, missing token files, arrays larger than the memory of any rank's
/// machine, ranks that were started with other flags.
[[nodiscard]] Recipe recipe_of_run(MpiEnvironment& environment, const RecipeArguments& arguments);

/// The text that is sent, and the recipe from it.
[[nodiscard]] std::string packed_recipe(const Recipe& recipe);
[[nodiscard]] Recipe unpacked_recipe(const std::string& text);

}  // namespace tokenwerk
