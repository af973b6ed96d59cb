#pragma once
/// The text of `tokenwerk train RECIPE --check`.

#include <string>
#include <vector>

#include "launch/rank_state.h"
#include "launch/recipe.h"
#include "models/config.h"

namespace tokenwerk {

/// What is known of a run that has no faults.
struct CheckedRun {
  Recipe recipe;  ///< resolved
  ModelConfig config;
  bool vocabulary_known = true;  ///< otherwise the configuration's stands for the tokenizer's
  RankState fullest;
  std::optional<std::size_t> device_memory;  ///< of each rank
  std::string data;                          ///< whether the data are there
};

/// Model, layout, batch, run, schedule, memory, and the groups of some ranks, a paragraph each.
[[nodiscard]] std::string check_report(const CheckedRun& run);

/// Ascending numbers, all of up to eight, otherwise the first three and the last, and how many:
/// "0,8,16,...,10232 (1280)".
[[nodiscard]] std::string compact_list(const std::vector<Index>& numbers);

}  // namespace tokenwerk
