#pragma once
/// The state that a run saves beside its arrays, value by value.

#include <map>
#include <string>

namespace tokenwerk {

/// Every value of the state by its path: "samples", "data/index", and those of the recipe as
/// "recipe/training.seed" (a text that is no recipe stays whole). Left out is what may differ
/// between runs that learn the same: how a run is spread over ranks and micro-batches, where it
/// writes and finds its data (whose index and tokenizer have sums of their own), when it ends,
/// and what it validates.
[[nodiscard]] std::map<std::string, std::string> comparable_state(const std::string& state_json);

}  // namespace tokenwerk
