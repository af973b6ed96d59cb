#include "launch/completed_recipe.h"

#include <fmt/core.h>

#include <filesystem>

#include "core/data/tokenizer.h"
#include "launch/layout.h"
#include "launch/machine.h"
#include "launch/memory_fault.h"
#include "launch/recipe_check.h"
#include "launch/recipe_model.h"
#include "parallel/pipeline/schedule_text.h"

namespace tokenwerk {
namespace {

/// Throws DataError unless the pair of token files is there.
void check_token_files(const std::string& prefix, const char* key) {
  const std::string missing = missing_tokens(prefix);
  TW_CHECK_AS(DataError, missing.empty(), key, " = \"", prefix, "\": ", missing);
}

}  // namespace

Index tokenizer_vocabulary(const std::string& prefix) {
  if (!std::filesystem::exists(prefix + ".tokenizer.json")) return 0;
  return load_tokenizer(prefix)->vocabulary();
}

Recipe with_model(Recipe recipe, Index vocabulary, const std::optional<MemoryLimit>& limit) {
  const std::string place = recipe.place_of("model.vocabulary") + ": model.vocabulary";
  if (vocabulary == 0 && !recipe.model.vocabulary && !recipe.model.preset) {
    TW_RAISE(ConfigError, place, ": missing, and no tokenizer lies beside data.train = \"",
             recipe.data.train, "\"");
  }
  const std::optional<std::string> initial = recipe.model.initial;
  const ModelConfig config = model_config(recipe, vocabulary);
  std::string faults;
  for (const std::string& fault : faults_of(config)) faults += recipe.file + ": " + fault + "\n";
  if (config.vocabulary < vocabulary) {
    faults += fmt::format("{} = {} is less than the tokenizer's {}\n", place, config.vocabulary,
                          vocabulary);
  }
  if (limit) faults += memory_fault(recipe, config, limit->bytes, limit->owner);
  if (!faults.empty()) faults.pop_back();
  TW_CHECK_AS(ConfigError, faults.empty(), faults);
  recipe.model = model_section(config);
  recipe.model.initial = initial;
  return recipe;
}

Recipe completed(Recipe recipe, Index ranks) {
  check_token_files(recipe.data.train, "data.train");
  if (recipe.data.validation) check_token_files(*recipe.data.validation, "data.validation");
  std::optional<MemoryLimit> limit;
  if (recipe.device.kind == "cpu") limit = {host_memory().total, "this machine"};
  const Index vocabulary = tokenizer_vocabulary(recipe.data.train);
  recipe = with_model(resolved(std::move(recipe), ranks), vocabulary, limit);
  if (path_of_schedule(recipe.parallel.schedule.value()))
    recipe.schedule_text = text_of(pipeline_schedule(recipe));
  return recipe;
}

}  // namespace tokenwerk
