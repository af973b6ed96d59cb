#include "launch/recipe_model.h"

namespace tokenwerk {

ModelConfig model_config(const Recipe& recipe, Index vocabulary) {
  const ModelSection& given = recipe.model;
  ModelConfig config;
  if (given.preset) {
    config = preset(*given.preset).value();
  } else {
    config.family = given.family == "llama" ? Family::llama : Family::gpt;
    config.tied = config.family == Family::gpt;
  }
  const bool resized = !given.preset || given.width || given.heads;
  config.layers = given.layers.value_or(config.layers);
  config.width = given.width.value_or(config.width);
  config.heads = given.heads.value_or(config.heads);
  config.kv_heads = given.kv_heads.value_or(resized ? config.heads : config.kv_heads);
  const Index usual = default_ffn_width(config.family, config.width);
  config.ffn_width = given.ffn_width.value_or(resized ? usual : config.ffn_width);
  config.vocabulary = given.vocabulary.value_or(vocabulary > 0 ? vocabulary : config.vocabulary);
  config.sequence_length = recipe.data.sequence_length;
  config.tied = given.tied.value_or(config.tied);
  config.norm_epsilon = given.norm_epsilon.value_or(config.norm_epsilon);
  config.rope_theta = given.rope_theta.value_or(config.rope_theta);
  return config;
}

ModelSection model_section(const ModelConfig& config) {
  ModelSection section;
  section.family = name_of(config.family);
  section.layers = config.layers;
  section.width = config.width;
  section.heads = config.heads;
  section.kv_heads = config.kv_heads;
  section.ffn_width = config.ffn_width;
  section.vocabulary = config.vocabulary;
  section.tied = config.tied;
  section.norm_epsilon = config.norm_epsilon;
  if (config.family == Family::llama) section.rope_theta = config.rope_theta;
  return section;
}

LearningRate learning_rate(const TrainingSection& t) {
  DecaySchedule schedule = DecaySchedule::constant;
  if (t.schedule == "linear") schedule = DecaySchedule::linear;
  if (t.schedule == "cosine") schedule = DecaySchedule::cosine;
  if (t.schedule == "wsd") schedule = DecaySchedule::wsd;
  return {.peak = t.learning_rate,
          .minimum = t.minimum_learning_rate.value(),
          .warmup_steps = t.warmup_steps.value(),
          .decay_steps = t.decay_steps.value(),
          .total_steps = t.steps,
          .schedule = schedule};
}

AdamW adamw_options(const TrainingSection& t) {
  return {.beta1 = t.beta1, .beta2 = t.beta2, .epsilon = t.epsilon, .weight_decay = t.weight_decay};
}

}  // namespace tokenwerk
