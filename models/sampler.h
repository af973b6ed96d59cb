#pragma once
/// Choosing the next token from its logits.

#include <cstdint>
#include <span>
#include <vector>

#include "core/dtype.h"

namespace tokenwerk {

struct SamplerOptions {
  double temperature = 1.0;  ///< divides the logits; 0: always the most likely token
  Index top_k = 0;           ///< only the k most likely tokens; 0: all
  double top_p = 1.0;  ///< only the most likely tokens whose probabilities first reach p: nucleus
                       ///< sampling, Holtzman et al. 2020 (arXiv:1904.09751), eq. 2
  std::uint64_t seed = 1;
};

/// Draws tokens; draw i is a pure function of (seed, i) and the logits.
class Sampler {
 public:
  explicit Sampler(const SamplerOptions& options) : options_(options) {}

  /// The next token from the logits of all tokens. Among equal logits the lower token wins.
  [[nodiscard]] std::int32_t sample(std::span<const float> logits);

 private:
  struct Candidate {
    std::int32_t token = 0;
    double logit = 0.0;
  };
  SamplerOptions options_;
  std::uint64_t draws_ = 0;
  std::vector<Candidate> candidates_;
};

}  // namespace tokenwerk
