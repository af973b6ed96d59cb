/// Times of schedules: by hand for small ones, by the papers' formulas for all.

#include "parallel/pipeline/simulate.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "parallel/pipeline/published.h"
#include "parallel/pipeline/schedule_text.h"
#include "tests/parallel/pipeline/every_shape.h"

namespace tokenwerk::test {
namespace {

using testing::Each;
using testing::ElementsAre;

ScheduleTiming timing_of(const PipelineSchedule& schedule, const StageCosts& costs = {}) {
  return simulate(schedule, equal_costs(schedule, costs));
}

TEST(Simulate, ActionsStartWhenRankAndInputAreThere) {
  const PipelineSchedule schedule =
      read_schedule("rank 0: 0F0 0F1 0B0 0B1\nrank 1: 1F0 1B0 1F1 1B1\n", "by hand");
  ScheduleCosts costs = equal_costs(schedule, {.forward = 1, .backward = 2});
  costs.stages[1] = {.forward = 3, .backward = 4};
  costs.message = 0.5;
  const ScheduleTiming timing = simulate(schedule, costs);
  std::vector<double> starts;
  for (const auto& rank : timing.actions)
    for (const ActionTime& action : rank) starts.push_back(action.start);
  EXPECT_THAT(starts, ElementsAre(0, 1, 9, 16, 1.5, 4.5, 8.5, 11.5));
  EXPECT_EQ(timing.makespan, 18);
  EXPECT_THAT(timing.busy, ElementsAre(6, 14));
  EXPECT_THAT(timing.idle, ElementsAre(12, 4));
  EXPECT_THAT(timing.waiting, ElementsAre(12, 0));
  EXPECT_DOUBLE_EQ(timing.bubble, 1.0 - 20.0 / 36.0);
}

TEST(Simulate, AWeightGradientFillsTheTimeOfWaiting) {
  const PipelineSchedule schedule =
      read_schedule("rank 0: 0F0 0I0 0W0\nrank 1: 1F0 1I0 1W0\n", "by hand");
  const ScheduleTiming timing = timing_of(schedule);
  EXPECT_EQ(timing.actions[0][1].start, 3);
  EXPECT_EQ(timing.makespan, 5);
}

TEST(Simulate, OfAScheduleThatComesToAStopThrows) {
  const PipelineSchedule schedule = read_schedule("rank 0: 0B0 0F0\n", "backwards");
  EXPECT_THROW((void)timing_of(schedule), ScheduleError);
}

/// Equal costs, and some for which only the schedules without zero bubbles have a formula.
const std::vector<StageCosts> several_costs = {
    {},
    {.forward = 1, .backward_input = 1.5, .backward_weight = 0.5, .backward = 2},
    {.forward = 3, .backward_input = 1, .backward_weight = 1, .backward = 2}};

TEST(Simulate, TheBubbleIsThePublishedOneWhereItsPremisesHold) {
  int compared = 0;
  for_each_schedule([&](std::string_view name, const ScheduleShape& shape) {
    const PipelineSchedule schedule = make_schedule(name, shape);
    for (const StageCosts& costs : several_costs)
      if (const auto published = published_bubble(schedule, costs)) {
        EXPECT_NEAR(timing_of(schedule, costs).bubble, published->fraction, 1e-12);
        ++compared;
      }
  });
  EXPECT_GT(compared, 5000);  // most shapes have a formula
}

TEST(Simulate, ElsewhereTheBubbleIsNotBelowTheFormula) {
  for_each_schedule([](std::string_view name, const ScheduleShape& shape) {
    const PipelineSchedule schedule = make_schedule(name, shape);
    const double p = schedule.ranks(), m = schedule.microbatches;
    const double pieces = schedule.stages() / p * (name.starts_with("zb") ? 3 : 1);
    EXPECT_GE(timing_of(schedule).bubble, (p - 1) / (m * pieces + p - 1) - 1e-12);
  });
}

TEST(Simulate, ZbVNeverIdlesBetweenItsFirstAndLastAction) {
  for_each_shape({2}, [](const ScheduleShape& shape) {
    if (shape.microbatches < 2 * shape.ranks - 1) return;
    EXPECT_THAT(timing_of(make_schedule("zb-v", shape)).waiting, Each(0.0));
  });
}

TEST(Published, FormulasNameTheirNumbers) {
  const auto of = [](std::string_view name, const ScheduleShape& shape) {
    return published_bubble(make_schedule(name, shape), {});
  };
  EXPECT_DOUBLE_EQ(of("gpipe", {4, 8})->fraction, 3.0 / 11);
  EXPECT_DOUBLE_EQ(of("1f1b", {4, 8})->fraction, 3.0 / 11);
  EXPECT_DOUBLE_EQ(of("interleaved", {4, 8, 2})->fraction, 3.0 / 19);
  EXPECT_DOUBLE_EQ(of("zb-h1", {4, 8})->fraction, 3.0 / 27);
  EXPECT_DOUBLE_EQ(of("zb-v", {4, 8})->fraction, 3.0 / 51);
  EXPECT_FALSE(of("interleaved", {4, 9, 2}));
  EXPECT_FALSE(of("zb-h1", {4, 3}));
  EXPECT_FALSE(of("zb-v", {4, 6}));
}

}  // namespace
}  // namespace tokenwerk::test
