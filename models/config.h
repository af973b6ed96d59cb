#pragma once
/// What a model is, apart from how it is spread over ranks.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace tokenwerk {

/// gpt: LayerNorm, GELU, learned positions, biases. llama: RMSNorm, SwiGLU, rotary positions,
/// grouped queries, no biases.
enum class Family { gpt, llama };

struct ModelConfig {
  Family family = Family::gpt;
  Index layers = 0;           ///< L
  Index width = 0;            ///< C
  Index heads = 0;            ///< H
  Index kv_heads = 0;         ///< key and value heads, divides heads
  Index ffn_width = 0;        ///< F
  Index vocabulary = 0;       ///< V
  Index sequence_length = 0;  ///< T: the longest a model sees; rows of the position table (gpt)
  bool tied = false;          ///< the output uses the token table
  double norm_epsilon = 1e-5;
  double rope_theta = 10000.0;

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

/// Every fault of the configuration, each with the nearest legal value; empty: it can be built.
[[nodiscard]] std::vector<std::string> faults_of(const ModelConfig& config);

/// The published model of this name ("gpt2-124m", "llama3-8b", ...); none if unknown.
[[nodiscard]] std::optional<ModelConfig> preset(std::string_view name);
[[nodiscard]] std::vector<std::string> preset_names();

/// The usual feed-forward width: 4 C (gpt), or 8/3 C rounded up to a multiple of 64 (llama: the
/// same number of weights in three matrices as 4 C has in two).
[[nodiscard]] Index default_ffn_width(Family family, Index width);

/// Rows of the token table in memory: the vocabulary rounded up to a multiple of lcm(8, tensor).
[[nodiscard]] Index padded_vocabulary(Index vocabulary, Index tensor);

/// Parameters of the unsharded model, each counted once.
[[nodiscard]] Index parameter_count(const ModelConfig& config);

/// FLOPs of forward and backward for one token of a sequence of T: 6 x (parameters less the input
/// embeddings; a tied matrix counts once, as the output) + 6 x L x T x C (causal attention, half of
/// the full square); after Narayanan et al. 2021 (arXiv:2104.04473), appendix, and Chowdhery et al.
/// 2022 (arXiv:2204.02311), appendix B.
[[nodiscard]] double flops_per_token(const ModelConfig& config);

[[nodiscard]] std::string_view name_of(Family family);

}  // namespace tokenwerk
