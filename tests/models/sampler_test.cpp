#include "models/sampler.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace tokenwerk {
namespace {

const std::vector<float> logits{0.0f, 2.0f, 1.0f, -1.0f};

std::array<int, 4> counts(const SamplerOptions& options, int draws) {
  Sampler sampler(options);
  std::array<int, 4> out{};
  for (int i = 0; i < draws; ++i) ++out[static_cast<std::size_t>(sampler.sample(logits))];
  return out;
}

TEST(Sampler, DrawsInProportionToTheProbabilities) {
  const int draws = 20000;
  const auto seen = counts({.temperature = 1.0, .seed = 3}, draws);
  double total = 0.0;
  for (float logit : logits) total += std::exp(logit);
  for (std::size_t i = 0; i < logits.size(); ++i)
    EXPECT_NEAR(seen[i], draws * std::exp(logits[i]) / total, 4 * std::sqrt(draws * 0.25));
}

TEST(Sampler, ZeroTemperatureTakesTheMostLikely) {
  EXPECT_EQ(counts({.temperature = 0.0}, 50), (std::array<int, 4>{0, 50, 0, 0}));
}

TEST(Sampler, TopKAndTopPLeaveTheUnlikelyOut) {
  const auto k = counts({.top_k = 2, .seed = 5}, 2000);
  EXPECT_EQ(k[0] + k[3], 0);
  EXPECT_GT(k[2], 0);
  // softmax gives 0.64 to token 1 and 0.24 to token 2: both are needed to reach 0.7.
  const auto p = counts({.top_p = 0.7, .seed = 5}, 2000);
  EXPECT_EQ(p[0] + p[3], 0);
  EXPECT_GT(p[2], 0);
  EXPECT_EQ(counts({.top_p = 0.5, .seed = 5}, 500)[1], 500);
}

TEST(Sampler, TheSameSeedDrawsTheSameTokens) {
  Sampler a({.seed = 9}), b({.seed = 9}), c({.seed = 10});
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto token = a.sample(logits);
    EXPECT_EQ(token, b.sample(logits));
    differs = differs || token != c.sample(logits);
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace tokenwerk
