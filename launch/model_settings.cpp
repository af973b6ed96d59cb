#include "launch/model_settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

namespace tokenwerk {
namespace {

/// Where the description starts: a preset, or an empty model of the family.
ModelConfig base_of(const ModelSection& model, std::vector<std::string>& faults) {
  ModelConfig config;
  if (model.family && *model.family == "llama") config.family = Family::llama;
  if (!model.preset) {
    for (const auto& [key, value] : {std::pair{"layers", model.layers},
                                     std::pair{"width", model.width}, std::pair{"heads", model.heads}}) {
      if (!value) faults.push_back(fmt::format("model.{} is missing (or name a model.preset)", key));
    }
    config.norm_epsilon = 1e-5;
    config.tied = config.family == Family::gpt;
    return config;
  }
  const auto named = preset(*model.preset);
  if (!named) {
    faults.push_back(fmt::format("model.preset = \"{}\" is unknown; there are {}", *model.preset,
                                 fmt::join(preset_names(), ", ")));
    return config;
  }
  if (model.family && *model.family != name_of(named->family)) {
    faults.push_back(fmt::format("model.family = \"{}\", but preset {} is of the family {}",
                                 *model.family, *model.preset, name_of(named->family)));
  }
  return *named;
}

}  // namespace

ModelConfig model_config_of(const Recipe& recipe, Index tokenizer_vocabulary) {
  const ModelSection& m = recipe.model;
  std::vector<std::string> faults;
  ModelConfig c = base_of(m, faults);
  c.layers = m.layers.value_or(c.layers);
  c.width = m.width.value_or(c.width);
  if (m.heads || m.kv_heads || c.kv_heads == 0) {
    const bool grouped = m.preset && c.kv_heads != c.heads;
    c.heads = m.heads.value_or(c.heads);
    c.kv_heads = m.kv_heads.value_or(grouped ? c.kv_heads : c.heads);
  }
  if (m.width || c.ffn_width == 0) c.ffn_width = default_ffn_width(c.family, c.width);
  c.ffn_width = m.ffn_width.value_or(c.ffn_width);
  if (!m.preset || tokenizer_vocabulary > 0) c.vocabulary = tokenizer_vocabulary;
  c.vocabulary = m.vocabulary.value_or(c.vocabulary);
  if (c.vocabulary == 0) {
    faults.push_back("model.vocabulary is missing, and no tokenizer lies beside data.train");
    c.vocabulary = 1;
  }
  if (c.vocabulary < tokenizer_vocabulary) {
    faults.push_back(fmt::format("model.vocabulary = {} is less than the tokenizer's {}",
                                 c.vocabulary, tokenizer_vocabulary));
  }
  c.sequence_length = recipe.data.sequence_length;
  c.tied = m.tied.value_or(c.tied);
  c.norm_epsilon = m.norm_epsilon.value_or(c.norm_epsilon);
  c.rope_theta = m.rope_theta.value_or(c.rope_theta);
  if (faults.empty()) faults = faults_of(c);
  TW_CHECK_AS(ConfigError, faults.empty(), recipe.file, recipe.file.empty() ? "" : ": ",
              fmt::format("{}", fmt::join(faults, "\n")));
  return c;
}

Recipe with_model(Recipe recipe, const ModelConfig& c) {
  ModelSection& m = recipe.model;
  m.family = std::string(name_of(c.family));
  m.layers = c.layers;
  m.width = c.width;
  m.heads = c.heads;
  m.kv_heads = c.kv_heads;
  m.ffn_width = c.ffn_width;
  m.vocabulary = c.vocabulary;
  m.tied = c.tied;
  m.norm_epsilon = c.norm_epsilon;
  m.rope_theta = c.rope_theta;
  return recipe;
}

}  // namespace tokenwerk
