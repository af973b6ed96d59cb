#pragma once
/// From a recipe as written to one that a run can start from.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "launch/recipe.h"

namespace tokenwerk {

/// The vocabulary of the tokenizer beside token files; 0 where there is none: token files alone
/// will do if the recipe names the vocabulary. Throws DataError for one that cannot be read.
[[nodiscard]] Index tokenizer_vocabulary(const std::string& prefix);

/// The memory that a rank's arrays have to fit in.
struct MemoryLimit {
  std::size_t bytes = 0;
  std::string_view owner;  ///< "this machine"
};

/// A resolved recipe with every key of its model. `vocabulary` is the tokenizer's, 0 where there is
/// none. Throws ConfigError that lists every fault of the model, arrays beyond the limit included.
[[nodiscard]] Recipe with_model(Recipe recipe, Index vocabulary,
                                const std::optional<MemoryLimit>& limit);

/// The recipe with everything in it that defaults, the data and the number of ranks decide, and the
/// schedule that it names. Throws DataError for missing token files, and ConfigError with every
/// fault of model and batch, arrays larger than the machine included.
[[nodiscard]] Recipe completed(Recipe recipe, Index ranks);

}  // namespace tokenwerk
