/// Which steps are bad, what is done about them, and that a checkpoint's state keeps it.

#include "launch/bad_steps.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tokenwerk {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

TrainingSection section(const std::string& action) {
  TrainingSection training;
  training.on_bad_step = action;
  training.spike_z_score = 3.0;
  training.spike_window = 4;
  training.most_bad_steps = 2;
  return training;
}

StepResult good_result(double loss, double norm) { return {loss, norm, true}; }

StepSettings limited(const BadStepPolicy& policy, const StepHistory& history) {
  StepSettings settings;
  policy.limit(history, settings);
  return settings;
}

/// Four good steps: mean 3 and standard deviation 1 of the loss, 30 and 10 of the norm.
StepHistory four_good(const BadStepPolicy& policy) {
  StepHistory history;
  Index step = 1;
  for (const double loss : {2.0, 4.0, 2.0, 4.0})
    policy.good(history, step++, good_result(loss, 10 * loss));
  return history;
}

TEST(ZScore, CountsStandardDeviationsOfTheWindowFromItsMean) {
  EXPECT_DOUBLE_EQ(z_score(6.0, {2.0, 4.0, 2.0, 4.0}), 3.0);
  EXPECT_DOUBLE_EQ(z_score(1.0, {2.0, 4.0, 2.0, 4.0}), -2.0);
  EXPECT_EQ(z_score(9.0, {2.0, 2.0}), 0.0) << "equal values have no deviation";
}

TEST(Spikes, AreLookedForOnceTheWindowIsFull) {
  const BadStepPolicy policy(section("skip"));
  StepHistory history;
  for (Index step = 1; step <= 3; ++step) {
    policy.good(history, step, good_result(2.0 + static_cast<double>(step % 2), 1.0));
    EXPECT_EQ(limited(policy, history).most_loss, infinite) << step;
  }
  const StepSettings settings = limited(policy, four_good(policy));
  EXPECT_DOUBLE_EQ(settings.most_loss, 6.0);
  EXPECT_DOUBLE_EQ(settings.most_norm, 60.0);
}

TEST(Spikes, TheWindowSlidesAndForgets) {
  const BadStepPolicy policy(section("skip"));
  StepHistory history = four_good(policy);
  for (Index step = 5; step <= 8; ++step)
    policy.good(history, step, good_result(step % 2 == 0 ? 11.0 : 9.0, 1.0));
  EXPECT_EQ(history.losses.size(), 4u);
  const StepSettings settings = limited(policy, history);
  EXPECT_DOUBLE_EQ(settings.most_loss, 13.0);
  EXPECT_EQ(settings.most_norm, infinite) << "equal norms have no deviation";
}

TEST(Spikes, AreNotLookedForUnlessAsked) {
  TrainingSection training = section("skip");
  training.spike_z_score = 0;
  const BadStepPolicy policy(training);
  const StepHistory history = four_good(policy);
  EXPECT_TRUE(history.losses.empty()) << "and nothing is kept for them";
  EXPECT_EQ(limited(policy, history).most_loss, infinite);
}

TEST(BadSteps, SayWhatIsWrong) {
  const BadStepPolicy policy(section("skip"));
  StepHistory history = four_good(policy);
  const BadStep nan = policy.bad(history, 5, {32, 40}, {3.0, -std::nan(""), false});
  EXPECT_EQ(nan.what, "loss 3, gradient norm nan");
  EXPECT_FALSE(nan.z_score);
  const BadStep spike = policy.bad(history, 6, {40, 48}, {13.0, 40.0, false});
  EXPECT_EQ(spike.what,
            "loss 13, gradient norm 40: the loss is a spike, z-score 10.0 over 4 steps");
  EXPECT_DOUBLE_EQ(spike.z_score.value(), 10.0);
  EXPECT_EQ(history.bad_steps.size(), 2u);
  EXPECT_EQ(history.losses.size(), 4u) << "bad values are not learnt from";
}

TEST(BadSteps, TooManyInARowStop) {
  for (const char* action : {"skip", "rewind"}) {
    const BadStepPolicy policy(section(action));
    StepHistory history;
    const StepResult wrong{infinite, 1.0, false};
    EXPECT_EQ(name_of(policy.bad(history, 1, {0, 8}, wrong).action), action);
    EXPECT_EQ(name_of(policy.bad(history, 2, {8, 16}, wrong).action), action);
    const BadStep last = policy.bad(history, 3, {16, 24}, wrong);
    EXPECT_EQ(last.action, BadStepAction::stop);
    EXPECT_NE(last.what.find("after 2 bad steps in a row"), std::string::npos) << last.what;
    EXPECT_EQ(history.bad_in_a_row, 0) << "for whoever resumes it";
  }
}

TEST(BadSteps, AGoodStepEndsTheRowUnlessItIsOnlyRepeated) {
  const BadStepPolicy policy(section("rewind"));
  StepHistory history;
  (void)policy.bad(history, 7, {48, 56}, {1.0, infinite, false});
  policy.good(history, 6, good_result(1.0, 1.0));  // after the rewind
  EXPECT_EQ(history.bad_in_a_row, 1);
  policy.good(history, 7, good_result(1.0, 1.0));
  EXPECT_EQ(history.bad_in_a_row, 0);
}

TEST(BadSteps, WhatWasRewoundIsLeftOutAndWhatWasSkippedIsNot) {
  TrainingSection training = section("rewind");
  training.skip_batches = "1";
  training.global_batch = 4;
  const BadStepPolicy policy(training);
  StepHistory history;
  (void)policy.bad(history, 3, {8, 12}, {1.0, infinite, false});
  history.bad_steps.push_back({.step = 9, .samples = {40, 44}, .action = BadStepAction::skip});
  const LeftOut out = policy.left_out(history);
  EXPECT_EQ(out.place(0, 0), 4);
  EXPECT_EQ(out.place(0, 4), 12);
  EXPECT_EQ(out.place(40, 0), 40);
}

TEST(StepHistories, ReadBackAsTheyWereWritten) {
  const BadStepPolicy policy(section("skip"));
  StepHistory history;
  policy.good(history, 1, good_result(0.1 + 0.2, 1.0 / 3.0));
  for (Index step = 2; step <= 4; ++step) policy.good(history, step, good_result(2.0, 1.0));
  (void)policy.bad(history, 5, {32, 40}, {std::nan(""), 1e300, false});
  const StepHistory read = step_history(to_json(history));
  EXPECT_EQ(read.losses, history.losses);
  EXPECT_EQ(read.gradient_norms, history.gradient_norms);
  EXPECT_EQ(read.bad_in_a_row, 1);
  ASSERT_EQ(read.bad_steps.size(), 1u);
  EXPECT_EQ(read.bad_steps[0].step, 5);
  EXPECT_EQ(read.bad_steps[0].samples, (SampleRange{32, 40}));
  EXPECT_TRUE(std::isnan(read.bad_steps[0].loss));
  EXPECT_EQ(read.bad_steps[0].gradient_norm, 1e300);
  EXPECT_EQ(read.bad_steps[0].what, history.bad_steps[0].what);
  EXPECT_EQ(read.bad_steps[0].action, BadStepAction::skip);
  EXPECT_EQ(to_json(StepHistory()), "{}") << "a run that met nothing keeps nothing";
  EXPECT_TRUE(step_history("{\"step\": 3}").bad_steps.empty()) << "a checkpoint of old";
}

}  // namespace
}  // namespace tokenwerk
