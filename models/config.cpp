#include "models/config.h"

#include <fmt/core.h>

#include <array>
#include <cmath>
#include <numeric>

namespace tokenwerk {
namespace {

struct Preset {
  std::string_view name;
  ModelConfig config;
};

// GPT-2: Radford et al. 2019, table 2, with the vocabulary of its published tokenizer.
// Llama 2: Touvron et al. 2023 (arXiv:2307.09288); Llama 3: Dubey et al. 2024 (arXiv:2407.21783),
// table 3.
constexpr ModelConfig gpt2(Index layers, Index width, Index heads) {
  return {Family::gpt, layers, width, heads, heads, 4 * width, 50257, 1024, true, 1e-5, 10000.0};
}
constexpr ModelConfig llama3(Index layers, Index width, Index heads, Index ffn_width) {
  return {Family::llama, layers, width, heads, 8, ffn_width, 128256, 8192, false, 1e-5, 500000.0};
}
constexpr std::array presets{
    Preset{"gpt2-124m", gpt2(12, 768, 12)},
    Preset{"gpt2-355m", gpt2(24, 1024, 16)},
    Preset{"gpt2-774m", gpt2(36, 1280, 20)},
    Preset{"gpt2-1.5b", gpt2(48, 1600, 25)},
    Preset{"llama2-7b",
           {Family::llama, 32, 4096, 32, 32, 11008, 32000, 4096, false, 1e-5, 10000.0}},
    Preset{"llama3-8b", llama3(32, 4096, 32, 14336)},
    Preset{"llama3-70b", llama3(80, 8192, 64, 28672)},
    Preset{"llama3-405b", llama3(126, 16384, 128, 53248)},
};

/// The divisor of n that is nearest to `wanted`.
Index nearest_divisor(Index n, Index wanted) {
  Index best = 1;
  for (Index d = 1; d <= n; ++d) {
    if (n % d == 0 && std::abs(d - wanted) < std::abs(best - wanted)) best = d;
  }
  return best;
}

}  // namespace

std::vector<std::string> faults_of(const ModelConfig& c) {
  std::vector<std::string> faults;
  // The upper ends are beyond any machine; below them no count of parameters overflows.
  const auto within = [&](std::string_view key, Index value, Index most) {
    const bool legal = value >= 1 && value <= most;
    if (!legal) faults.push_back(fmt::format("model.{} is {}: wants 1 to {}", key, value, most));
    return legal;
  };
  constexpr Index widest = Index{1} << 20;
  within("layers", c.layers, Index{1} << 16);
  within("ffn_width", c.ffn_width, 4 * widest);
  within("vocabulary", c.vocabulary, Index{1} << 24);
  const bool heads = within("heads", c.heads, widest), width = within("width", c.width, widest);
  const bool kv_heads = within("kv_heads", c.kv_heads, widest);
  if (heads && width && c.width % c.heads != 0) {
    faults.push_back(fmt::format("model.heads = {} does not divide model.width = {}: nearest is {}",
                                 c.heads, c.width, nearest_divisor(c.width, c.heads)));
  } else if (heads && width && c.family == Family::llama && (c.width / c.heads) % 2 != 0) {
    faults.push_back(fmt::format(
        "model.width / model.heads = {} is odd: rotary positions turn pairs", c.width / c.heads));
  }
  if (heads && kv_heads && c.heads % c.kv_heads != 0) {
    faults.push_back(
        fmt::format("model.kv_heads = {} does not divide model.heads = {}: nearest is {}",
                    c.kv_heads, c.heads, nearest_divisor(c.heads, c.kv_heads)));
  }
  return faults;
}

std::optional<ModelConfig> preset(std::string_view name) {
  for (const Preset& p : presets)
    if (p.name == name) return p.config;
  return std::nullopt;
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& p : presets) names.emplace_back(p.name);
  return names;
}

Index default_ffn_width(Family family, Index width) {
  return family == Family::gpt ? 4 * width : (8 * width + 3 * 64 - 1) / (3 * 64) * 64;
}

Index padded_vocabulary(Index vocabulary, Index tensor) {
  const Index multiple = std::lcm(Index{8}, tensor);
  return (vocabulary + multiple - 1) / multiple * multiple;
}

Index parameter_count(const ModelConfig& c) {
  const Index kv_width = c.width / c.heads * c.kv_heads;
  const bool gpt = c.family == Family::gpt;
  const Index attention = 2 * c.width * c.width + 2 * c.width * kv_width;
  const Index mlp = (gpt ? 2 : 3) * c.width * c.ffn_width;
  const Index norms = (gpt ? 4 : 2) * c.width;
  const Index biases = gpt ? 2 * c.width + 2 * kv_width + c.ffn_width + c.width : 0;
  const Index embeddings =
      c.vocabulary * c.width * (c.tied ? 1 : 2) + (gpt ? c.sequence_length * c.width : 0);
  return c.layers * (attention + mlp + norms + biases) + embeddings + norms / 2;
}

double flops_per_token(const ModelConfig& c) {
  const Index positions = c.family == Family::gpt ? c.sequence_length * c.width : 0;
  const Index input = positions + (c.tied ? 0 : c.vocabulary * c.width);
  return 6.0 * static_cast<double>(parameter_count(c) - input) +
         6.0 * static_cast<double>(c.layers * c.sequence_length * c.width);
}

std::string_view name_of(Family family) { return family == Family::gpt ? "gpt" : "llama"; }

}  // namespace tokenwerk
