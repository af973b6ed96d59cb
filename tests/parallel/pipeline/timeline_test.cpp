#include "parallel/pipeline/timeline.h"

#include <gtest/gtest.h>

#include "parallel/pipeline/generators.h"

namespace tokenwerk {
namespace {

TEST(Timeline, ALongOneLosesItsMiddle) {
  const PipelineSchedule schedule = make_schedule("1f1b", {2, 30});
  const ScheduleTiming timing = simulate(schedule, equal_costs(schedule, {}));
  EXPECT_EQ(timeline_text(schedule, timing, {.columns = 38}),
            "rank 0     01..aa2bb3cc ~ 7gg8hh9ii.jj\n"
            "rank 1     .0aa1bb2cc3d ~ g7hh8ii9jj..\n"
            "~: 69 of 93 characters are left out\n");
  EXPECT_EQ(timeline_text(schedule, timing, {.columns = 104}).find('~'), std::string::npos);
}

TEST(Timeline, WorkThatTakesNoTimeIsNotShown) {
  const PipelineSchedule schedule = make_schedule("zb-h1", {1, 2});
  const StageCosts costs{.forward = 2, .backward_input = 1, .backward_weight = 0, .backward = 1};
  const ScheduleTiming timing = simulate(schedule, equal_costs(schedule, costs));
  EXPECT_EQ(timeline_text(schedule, timing), "rank 0     00a11b\n");
}

TEST(Timeline, ACharacterStandsForTheUnit) {
  const PipelineSchedule schedule = make_schedule("gpipe", {1, 1});
  const ScheduleTiming timing = simulate(schedule, equal_costs(schedule, {}));
  EXPECT_EQ(timeline_text(schedule, timing, {.unit = 0.5}), "rank 0     00aaaa\n");
}

}  // namespace
}  // namespace tokenwerk
