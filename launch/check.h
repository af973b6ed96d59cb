#pragma once
/// What `tokenwerk train RECIPE --check` does: a run looked at as a whole, on any machine, before
/// there is one.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "launch/recipe.h"

namespace tokenwerk {

struct CheckOptions {
  Index ranks = 1;
  /// Memory of the device that each rank would have; empty: not known, and any will do.
  std::optional<std::size_t> device_memory;
};

/// Reads the recipe as a run of so many ranks would and tells how it would be spread over them and
/// what a rank would hold. Starts nothing and holds none of it. Data need not be there; of those
/// that are, only the tokenizer is read. Throws ConfigError that lists every fault, or DataError
/// for a tokenizer that cannot be read.
[[nodiscard]] std::string check_run(const std::filesystem::path& file,
                                    const std::vector<RecipeFlag>& flags,
                                    const CheckOptions& options);

}  // namespace tokenwerk
