#include "launch/recipe.h"

#include <fmt/core.h>

#include <algorithm>

#include "launch/recipe_keys.h"
#include "launch/save_interval.h"
#include "parallel/pipeline/generators.h"

namespace tokenwerk {

Recipe resolved(Recipe recipe, Index ranks) {
  TrainingSection& training = recipe.training;
  const auto fill = [](auto& member, const auto& value) {
    if (!member) member = value;
  };
  fill(training.minimum_learning_rate, training.learning_rate / 10);
  // A warm-up that nobody asked for gives way to a decay that somebody did.
  const Index not_decaying = training.steps - training.decay_steps.value_or(0);
  fill(training.warmup_steps, std::min(training.steps / 100, not_decaying));
  const Index not_warming = training.steps - *training.warmup_steps;
  const Index decay = training.schedule == "wsd" ? training.steps / 10 : training.steps;
  fill(training.decay_steps, std::min(decay, not_warming));
  fill(training.reproducible, false);
  fill(training.validate_every, Index{recipe.data.validation ? 250 : 0});
  ParallelSection& parallel = recipe.parallel;
  fill(parallel.data, ranks / (parallel.tensor * parallel.pipeline));
  fill(parallel.sequence, false);
  fill(parallel.schedule, std::string("1f1b"));
  if (const auto stages = stages_on_rank(*parallel.schedule))
    fill(parallel.virtual_stages, Index{stages->usual});
  fill(parallel.zero_group, parallel.zero > 0 ? *parallel.data : 1);
  fill(parallel.zero_keep, false);
  fill(recipe.checkpoint.mtbf_hours, default_mtbf_hours(ranks));
  fill(recipe.checkpoint.async, true);
  fill(recipe.checkpoint.directory,
       (std::filesystem::path(recipe.log.directory) / "checkpoints").string());
  return recipe;
}

std::string to_toml(const Recipe& recipe) {
  std::string text;
  std::string_view section;
  for (const RecipeKey& key : recipe_keys()) {
    with_value(key, recipe, [&](const auto& value) {
      if (key.section != section)
        text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", key.section);
      section = key.section;
      text += fmt::format("{} = {}\n", key.name, value_text(value));
    });
  }
  return text;
}

}  // namespace tokenwerk
