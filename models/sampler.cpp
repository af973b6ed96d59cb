#include "models/sampler.h"

#include <algorithm>
#include <cmath>

#include "core/ops/random.h"
#include "core/philox.h"

namespace tokenwerk {

std::int32_t Sampler::sample(std::span<const float> logits) {
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i)
    candidates_.push_back({static_cast<std::int32_t>(i), logits[i]});
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  const auto index = draws_++;
  if (options_.temperature == 0.0) return std::ranges::min_element(candidates_, likelier)->token;

  std::ranges::sort(candidates_, likelier);
  if (options_.top_k > 0 && static_cast<std::size_t>(options_.top_k) < candidates_.size())
    candidates_.resize(static_cast<std::size_t>(options_.top_k));
  const double highest = candidates_.front().logit;
  double total = 0.0;
  for (Candidate& c : candidates_) {
    c.logit = std::exp((c.logit - highest) / options_.temperature);  // now a weight
    total += c.logit;
  }
  double kept = 0.0;
  std::size_t count = 0;
  while (count < candidates_.size() && (count == 0 || kept < options_.top_p * total))
    kept += candidates_[count++].logit;

  double left = kept * random_uniform(options_.seed, hash_of("sampler"), index);
  for (std::size_t i = 0; i < count; ++i) {
    left -= candidates_[i].logit;
    if (left <= 0.0) return candidates_[i].token;
  }
  return candidates_[count - 1].token;
}

}  // namespace tokenwerk
