#include "core/optimizer/learning_rate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace tokenwerk {
namespace {

LearningRate rate_of(DecaySchedule schedule) {
  return {.peak = 1e-3,
          .minimum = 1e-4,
          .warmup_steps = 10,
          .decay_steps = schedule == DecaySchedule::wsd ? 20 : 80,
          .total_steps = 100,
          .schedule = schedule};
}

TEST(LearningRate, WarmsUpInALineFromTheFirstStepOn) {
  for (auto schedule : {DecaySchedule::constant, DecaySchedule::linear, DecaySchedule::cosine,
                        DecaySchedule::wsd}) {
    const LearningRate rate = rate_of(schedule);
    EXPECT_DOUBLE_EQ(learning_rate_at(rate, 0), 1e-4);
    EXPECT_DOUBLE_EQ(learning_rate_at(rate, 4), 5e-4);
    EXPECT_DOUBLE_EQ(learning_rate_at(rate, 9), 1e-3);
    EXPECT_EQ(learning_rate_at(rate, 10), 1e-3);
  }
}

TEST(LearningRate, ConstantStaysAtThePeak) {
  const LearningRate rate = rate_of(DecaySchedule::constant);
  for (Index step : {10, 50, 99, 1000}) EXPECT_EQ(learning_rate_at(rate, step), 1e-3);
}

TEST(LearningRate, LinearAndCosineReachTheMinimumAndStayThere) {
  for (auto schedule : {DecaySchedule::linear, DecaySchedule::cosine}) {
    const LearningRate rate = rate_of(schedule);
    EXPECT_NEAR(learning_rate_at(rate, 45), 5.5e-4, 1e-15);  // half way from step 10 to step 80
    EXPECT_EQ(learning_rate_at(rate, 80), 1e-4);
    EXPECT_EQ(learning_rate_at(rate, 99), 1e-4);
    EXPECT_EQ(learning_rate_at(rate, 1000), 1e-4);
  }
}

TEST(LearningRate, CosineFollowsTheCosine) {
  const LearningRate rate = rate_of(DecaySchedule::cosine);
  const double way = (24.0 - 10.0) / (80.0 - 10.0);
  EXPECT_NEAR(learning_rate_at(rate, 24),
              1e-4 + 0.5 * (1e-3 - 1e-4) * (1.0 + std::cos(std::numbers::pi * way)), 1e-15);
}

TEST(LearningRate, DecaysOverTheWholeRunUnlessToldOtherwise) {
  for (auto schedule : {DecaySchedule::linear, DecaySchedule::cosine}) {
    LearningRate rate = rate_of(schedule);
    rate.decay_steps = 0;
    EXPECT_NEAR(learning_rate_at(rate, 55), 5.5e-4, 1e-15);
    EXPECT_GT(learning_rate_at(rate, 99), 1e-4);
    EXPECT_EQ(learning_rate_at(rate, 100), 1e-4);
  }
}

TEST(LearningRate, WsdDecaysOverTheLastStepsOnly) {
  const LearningRate rate = rate_of(DecaySchedule::wsd);
  for (Index step : {10, 50, 80}) EXPECT_EQ(learning_rate_at(rate, step), 1e-3);
  EXPECT_LT(learning_rate_at(rate, 81), 1e-3);
  EXPECT_NEAR(learning_rate_at(rate, 90), 5.5e-4, 1e-15);
  EXPECT_EQ(learning_rate_at(rate, 100), 1e-4);
}

TEST(LearningRate, RisesThenNeverRisesAgainAndNeverJumps) {
  for (auto schedule : {DecaySchedule::constant, DecaySchedule::linear, DecaySchedule::cosine,
                        DecaySchedule::wsd}) {
    const LearningRate rate = rate_of(schedule);
    for (Index step = 1; step <= 120; ++step) {
      const double before = learning_rate_at(rate, step - 1), now = learning_rate_at(rate, step);
      if (step < rate.warmup_steps) {
        EXPECT_GT(now, before) << "step " << step;
      } else {
        EXPECT_LE(now, before) << "step " << step;
      }
      EXPECT_LE(std::abs(now - before), 1.01e-4) << "step " << step;  // the warm-up's slope
    }
  }
}

TEST(LearningRate, NeedsNoWarmUpAndNoDecay) {
  for (auto schedule : {DecaySchedule::linear, DecaySchedule::cosine, DecaySchedule::wsd}) {
    LearningRate rate = rate_of(schedule);
    rate.warmup_steps = 0;
    EXPECT_EQ(learning_rate_at(rate, 0), 1e-3);
    rate.warmup_steps = 200;  // longer than the run: the warm-up comes first
    EXPECT_DOUBLE_EQ(learning_rate_at(rate, 99), 5e-4);
    EXPECT_EQ(learning_rate_at(rate, 200), 1e-4);
  }
}

}  // namespace
}  // namespace tokenwerk
