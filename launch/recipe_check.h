#pragma once
/// The checks behind `validate`, for a reader that has found faults of its own already.

#include "launch/faults.h"
#include "launch/recipe.h"

namespace tokenwerk {

/// Adds a fault for every key that is missing or whose value is not legal by itself.
void check_values(const Recipe& recipe, Faults& faults);

/// Adds a fault for every group of keys whose values do not fit each other or the number of ranks.
void check_relations(const Recipe& recipe, Index ranks, Faults& faults);

/// What is missing of the pair of token files with this path prefix; empty if nothing is.
[[nodiscard]] std::string missing_tokens(const std::string& prefix);

}  // namespace tokenwerk
