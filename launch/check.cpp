#include "launch/check.h"

#include "launch/byte_size.h"
#include "launch/check_report.h"
#include "launch/completed_recipe.h"
#include "launch/recipe_check.h"
#include "launch/recipe_model.h"

namespace tokenwerk {
namespace {

/// Beyond it numbers of bytes overflow; far more than any machine has.
constexpr std::size_t absurd = std::size_t{1} << 58;

/// What of the data is there: a line for the report.
std::string data_text(const Recipe& recipe) {
  std::vector<std::string> prefixes{recipe.data.train};
  if (recipe.data.validation) prefixes.push_back(*recipe.data.validation);
  std::vector<std::string> missing;
  for (const std::string& prefix : prefixes) {
    std::string fault = missing_tokens(prefix);
    if (!fault.empty()) missing.push_back(std::move(fault));
  }
  if (missing.empty()) return "not looked at; the token files are there";
  return "not looked at; not here yet: " + joined(missing, "; ");
}

/// The rank that holds most fits its device, or this throws.
void check_memory(const Recipe& recipe, const RankState& fullest, std::size_t device_memory) {
  TW_CHECK_AS(ConfigError, fullest.total() <= device_memory, recipe.file, ": rank ", fullest.rank,
              " holds ", size_text(fullest.total()), " without activations, of --device-memory ",
              size_text(device_memory),
              ": raise parallel.tensor, parallel.pipeline, parallel.zero or the number of ranks");
}

}  // namespace

std::string check_run(const std::filesystem::path& file, const std::vector<RecipeFlag>& flags,
                      const CheckOptions& options) {
  Recipe recipe =
      resolved(read_recipe(file, flags, options.ranks, DataFiles::anywhere), options.ranks);
  Index vocabulary = tokenizer_vocabulary(recipe.data.train);
  const bool known = vocabulary > 0 || recipe.model.vocabulary || recipe.model.preset;
  if (!known) vocabulary = 1;
  const MemoryLimit limit = options.device_memory
                                ? MemoryLimit{*options.device_memory, "--device-memory"}
                                : MemoryLimit{absurd, "any machine"};
  recipe = with_model(std::move(recipe), vocabulary, limit);
  const ModelConfig config = model_config(recipe, vocabulary);
  const RankState fullest = fullest_rank(recipe, config);
  if (options.device_memory) check_memory(recipe, fullest, *options.device_memory);
  return check_report({.recipe = recipe,
                       .config = config,
                       .vocabulary_known = known,
                       .fullest = fullest,
                       .device_memory = options.device_memory,
                       .data = data_text(recipe)});
}

}  // namespace tokenwerk
