#include "models/model.h"

#include <fmt/core.h>

#include <cmath>

#include "core/nn/block.h"
#include "core/nn/embedding.h"

namespace tokenwerk {
namespace {

constexpr double initial_deviation = 0.02;  // Radford et al. 2019, section 2.3

/// What the two families differ in.
NormOptions norm_options(const ModelConfig& c, DType dtype, std::string name) {
  const NormKind kind = c.family == Family::gpt ? NormKind::layer_norm : NormKind::rms_norm;
  return {kind, std::move(name), c.width, c.norm_epsilon, dtype};
}

BlockOptions block_options(const ModelConfig& c, DType dtype, Index block) {
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
                  .dtype = dtype}};
}

}  // namespace

Model::Model(Device& device, const ModelConfig& config, DType dtype)
    : device_(&device), config_(config), dtype_(dtype) {
  const Index padded = padded_vocabulary(config.vocabulary, 1);
  auto embedding = std::make_unique<Embedding>(
      EmbeddingOptions{.vocabulary = config.vocabulary,
                       .padded_vocabulary = padded,
                       .positions = config.family == Family::gpt ? config.sequence_length : 0,
                       .width = config.width,
                       .deviation = initial_deviation,
                       .dtype = dtype});
  const ParameterGroup* output = &embedding->tokens();
  layers_.push_back(std::move(embedding));
  for (Index block = 0; block < config.layers; ++block) {
    layers_.push_back(std::make_unique<Block>(block_options(config, dtype, block)));
  }
  layers_.push_back(std::make_unique<Norm>(norm_options(config, dtype, "final_norm")));

  std::vector<ParameterGroup*> groups;
  for (const auto& layer : layers_)
    layer->for_each_group([&](ParameterGroup& group) { groups.push_back(&group); });
  if (!config.tied) {
    output_ = make_output_weight(config.vocabulary, padded, config.width, initial_deviation, dtype);
    groups.push_back(&output_);
    output = &output_;
  }
  head_ = std::make_unique<LossHead>(*output, config.vocabulary);
  parameters_ = std::make_unique<ParameterStore>(device, std::move(groups));
}

void Model::for_each_final_group(std::size_t layer,
                                 const std::function<void(const ParameterGroup&)>& visit) const {
  if (layer < layers_.size()) {
    layers_[layer]->for_each_group(visit);
  } else if (!config_.tied) {
    visit(output_);
  }
}

}  // namespace tokenwerk
