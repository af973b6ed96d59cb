#include "models/model.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace tokenwerk {
namespace {

constexpr double initial_deviation = 0.02;  // Radford et al. 2019, section 2.3

/// What the two families differ in.
NormOptions norm_options(const ModelConfig& c, DType dtype, std::string name) {
  const NormKind kind = c.family == Family::gpt ? NormKind::layer_norm : NormKind::rms_norm;
  return {kind, std::move(name), c.width, c.norm_epsilon, dtype};
}

BlockOptions block_options(const ModelConfig& c, DType dtype, Recompute recompute, Index block) {
  const bool gpt = c.family == Family::gpt;
  const std::string name = fmt::format("blocks.{}.", block);
  const Bias bias = gpt ? Bias::present : Bias::absent;
  // Each block adds two outputs to the residual stream: their sum keeps the deviation of one.
  const double output = initial_deviation / std::sqrt(2.0 * static_cast<double>(c.layers));
  return {.attention_norm = norm_options(c, dtype, name + "attention_norm"),
          .attention = {.name = name + "attention",
                        .block = block,
                        .width = c.width,
                        .heads = c.heads,
                        .kv_heads = c.kv_heads,
                        .rope_theta = gpt ? std::nullopt : std::optional(c.rope_theta),
                        .bias = bias,
                        .deviation = initial_deviation,
                        .output_deviation = output,
                        .dtype = dtype},
          .mlp_norm = norm_options(c, dtype, name + "mlp_norm"),
          .mlp = {.kind = gpt ? MlpKind::gelu : MlpKind::swiglu,
                  .name = name + "mlp",
                  .width = c.width,
                  .ffn_width = c.ffn_width,
                  .bias = bias,
                  .deviation = initial_deviation,
                  .output_deviation = output,
                  .dtype = dtype},
          .recompute = recompute};
}

const LayerFactory& factory_of(const ModelPart& part) {
  static const LayerFactory plain;
  return part.layers != nullptr ? *part.layers : plain;
}

}  // namespace

Model::Model(Device& device, const ModelConfig& config, DType dtype, const ModelPart& part)
    : device_(&device), config_(config), dtype_(dtype), ranges_(part.stages) {
  if (ranges_.empty()) ranges_ = {{0, config.layers}};
  for (const Index index : part.mine) add_stage(index, part);
  make_store(part);
}

VocabularyTable Model::table(std::string name, const ModelPart& part) const {
  const Index padded = padded_vocabulary(config_.vocabulary, part.tensor);
  return {.name = std::move(name),
          .vocabulary = config_.vocabulary,
          .rows = factory_of(part).share(padded),
          .width = config_.width,
          .deviation = initial_deviation,
          .dtype = dtype_};
}

void Model::add_stage(Index index, const ModelPart& part) {
  const LayerFactory& layers = factory_of(part);
  const BlockRange range = ranges_[static_cast<std::size_t>(index)];
  Stage& stage = stages_.emplace_back();
  stage.index = index;
  stage.first = index == 0;
  stage.first_unit = static_cast<Index>(units_.size());
  if (stage.first) {
    stage.layers.push_back(layers.embedding(
        {.tokens = table("embedding.tokens.weight", part),
         .positions = config_.family == Family::gpt ? config_.sequence_length : 0}));
  }
  for (Index block = range.first; block < range.last; ++block) {
    stage.layers.push_back(
        std::make_unique<Block>(block_options(config_, dtype_, part.recompute, block), layers));
  }
  const bool last = static_cast<std::size_t>(index) + 1 == ranges_.size();
  if (last) stage.layers.push_back(layers.norm(norm_options(config_, dtype_, "final_norm")));
  for (const auto& layer : stage.layers) units_.push_back(layer->groups());
  if (stage.first) tokens_ = units_[static_cast<std::size_t>(stage.first_unit)].front();
  if (last) add_head(stage, part);
}

void Model::add_head(Stage& stage, const ModelPart& part) {
  ParameterGroup* weight = &output_;
  if (config_.tied && tokens_ != nullptr) {
    weight = tokens_;
  } else {
    output_ = make_group(table(config_.tied ? "embedding.tokens.weight" : "output.weight", part));
    output_.tied_copy = config_.tied;
    if (config_.tied) tied_across_ranks_ = &output_;
  }
  stage.head = factory_of(part).loss_head(*weight, config_.vocabulary);
  units_.push_back({weight});
}

void Model::make_store(const ModelPart& part) {
  std::vector<ParameterGroup*> groups;
  for (const auto& unit : units_) {
    for (ParameterGroup* group : unit)
      if (std::ranges::find(groups, group) == groups.end()) groups.push_back(group);
  }
  const bool head_elsewhere =
      std::ranges::none_of(stages_, [](const Stage& stage) { return stage.head != nullptr; });
  if (config_.tied && tokens_ != nullptr && head_elsewhere) tied_across_ranks_ = tokens_;
  parameters_ =
      std::make_unique<ParameterStore>(*device_, std::move(groups), part.sharding, part.residence);
}

const Stage& Model::stage(Index index) const {
  const auto found = std::ranges::find(stages_, index, &Stage::index);
  TW_CHECK(found != stages_.end(), "stage ", index, " is not on this rank");
  return *found;
}

const LossHead& Model::head() const {
  TW_CHECK(stages_.back().head, "the last stage is not on this rank");
  return *stages_.back().head;
}

}  // namespace tokenwerk
