/// The schedules by name: their order, their memory, and what is refused.

#include "parallel/pipeline/generators.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "core/error.h"
#include "parallel/pipeline/schedule_text.h"
#include "parallel/pipeline/validate.h"
#include "tests/parallel/pipeline/every_shape.h"

namespace tokenwerk::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;

std::string text_of(std::string_view name, const ScheduleShape& shape) {
  return tokenwerk::text_of(make_schedule(name, shape));
}

ScheduleReport report_of(std::string_view name, const ScheduleShape& shape) {
  return validate(make_schedule(name, shape));
}

std::string refusal(std::string_view name, const ScheduleShape& shape) {
  try {
    (void)make_schedule(name, shape);
  } catch (const ScheduleError& error) {
    return error.what();
  }
  return "";
}

TEST(Generators, EveryScheduleOfEveryShapeIsSound) {
  for_each_schedule([](std::string_view name, const ScheduleShape& shape) {
    const PipelineSchedule schedule = make_schedule(name, shape);
    EXPECT_EQ(schedule.name, name);
    EXPECT_EQ(schedule.ranks(), shape.ranks);
    EXPECT_EQ(schedule.microbatches, shape.microbatches);
    EXPECT_THAT(validate(schedule).faults, IsEmpty());
  });
}

TEST(Generators, OneRankRunsThePlainLoop) {
  EXPECT_EQ(text_of("1f1b", {1, 3}), "rank 0: 0F0 0B0 0F1 0B1 0F2 0B2\n");
}

TEST(Generators, SmallSchedulesReadAsInThePapers) {
  EXPECT_EQ(text_of("gpipe", {2, 2}),
            "rank 0: 0F0 0F1 0B0 0B1\n"
            "rank 1: 1F0 1F1 1B0 1B1\n");
  EXPECT_EQ(text_of("1f1b", {3, 4}),
            "rank 0: 0F0 0F1 0F2 0B0 0F3 0B1 0B2 0B3\n"
            "rank 1: 1F0 1F1 1B0 1F2 1B1 1F3 1B2 1B3\n"
            "rank 2: 2F0 2B0 2F1 2B1 2F2 2B2 2F3 2B3\n");
  EXPECT_EQ(text_of("interleaved", {2, 4, 2}),
            "rank 0: 0F0 0F1 2F0 2F1 0F2 2B0 0F3 2B1 2F2 0B0 2F3 0B1 2B2 2B3 0B2 0B3\n"
            "rank 1: 1F0 1F1 3F0 3B0 3F1 3B1 1F2 1B0 1F3 1B1 3F2 3B2 3F3 3B3 1B2 1B3\n");
  EXPECT_EQ(text_of("zb-h1", {2, 3}),
            "rank 0: 0F0 0F1 0I0 0W0 0F2 0I1 0W1 0I2 0W2\n"
            "rank 1: 1F0 1I0 1F1 1I1 1W0 1F2 1I2 1W1 1W2\n");
}

TEST(Generators, ZbVPlacesItsStagesInAV) {
  EXPECT_THAT(make_schedule("zb-v", {3, 5}).rank_of_stage, ElementsAre(0, 1, 2, 2, 1, 0));
}

TEST(Generators, InterleavedPlacesItsStagesInTurn) {
  EXPECT_THAT(make_schedule("interleaved", {2, 5, 3}).rank_of_stage, ElementsAre(0, 1, 0, 1, 0, 1));
}

TEST(Generators, InterleavedLeavesOutWhatWholeGroupsHaveTooMuch) {
  PipelineSchedule whole = make_schedule("interleaved", {4, 12, 2});
  for (auto& program : whole.program)
    std::erase_if(program, [](const Action& action) { return action.microbatch >= 9; });
  EXPECT_EQ(make_schedule("interleaved", {4, 9, 2}).program, whole.program);
}

TEST(GeneratorsMemory, GpipeKeepsEveryMicrobatch) {
  for_each_shape({1}, [](const ScheduleShape& shape) {
    EXPECT_THAT(report_of("gpipe", shape).peak_activations, Each(shape.microbatches));
  });
}

TEST(GeneratorsMemory, OneForwardOneBackwardKeepsAsManyAsRanksFollow) {
  for_each_shape({1}, [](const ScheduleShape& shape) {
    const auto peaks = report_of("1f1b", shape).peak_activations;
    for (int rank = 0; rank < shape.ranks; ++rank)
      EXPECT_EQ(peaks[rank], std::min(shape.microbatches, shape.ranks - rank));
  });
}

TEST(GeneratorsMemory, InterleavedKeepsItsWarmUpAndOneMore) {
  for_each_shape({2, 3, 4}, [](const ScheduleShape& shape) {
    const int p = shape.ranks, v = shape.virtual_stages, m = shape.microbatches;
    const auto peaks = report_of("interleaved", shape).peak_activations;
    for (int rank = 0; rank < p; ++rank) {
      const int least = std::min(m * v, 2 * (p - 1 - rank) + (v - 1) * p + 1);
      EXPECT_TRUE(m % p == 0 ? peaks[rank] == least : peaks[rank] <= least) << rank;
    }
  });
}

TEST(GeneratorsMemory, ZbH1KeepsNoMoreThanTheFirstRankOf1f1b) {
  for_each_shape({1}, [](const ScheduleShape& shape) {
    const ScheduleReport report = report_of("zb-h1", shape);
    EXPECT_THAT(report.peak_saved, Each(Le(std::min(shape.ranks, shape.microbatches))));
    EXPECT_EQ(report.peak_activations, report_of("1f1b", shape).peak_activations);
  });
}

TEST(GeneratorsMemory, ZbVKeepsNoMoreThanTwoHalfStagesForEachRank) {
  for_each_shape({2}, [](const ScheduleShape& shape) {
    EXPECT_THAT(report_of("zb-v", shape).peak_saved, Each(Le(2 * shape.ranks)));
  });
}

TEST(Generators, AnUnknownNameIsAnsweredWithTheKnownOnes) {
  EXPECT_EQ(refusal("1b1f", {2, 2}),
            "'1b1f' is no pipeline schedule; there are gpipe, 1f1b, interleaved, zb-h1, zb-v");
}

TEST(Generators, AShapeThatCannotBeIsAnsweredWithTheNearestLegalValue) {
  EXPECT_THAT(refusal("gpipe", {0, 2}),
              HasSubstr("0 pipeline ranks; the nearest legal value is 1"));
  EXPECT_THAT(refusal("1f1b", {2, -4}),
              HasSubstr("-4 micro-batches; the nearest legal value is 1"));
  EXPECT_THAT(refusal("zb-h1", {2, 2, 3}),
              HasSubstr("3 virtual stages on each rank; the nearest legal value is 1"));
  EXPECT_THAT(refusal("zb-v", {2, 2, 1}), HasSubstr("the nearest legal value is 2"));
  EXPECT_THAT(refusal("interleaved", {2, 2, 1}), HasSubstr("the nearest legal value is 2"));
  EXPECT_THAT(refusal("interleaved", {4096, 2, 2}),
              HasSubstr("the nearest legal number of ranks is 2048"));
  EXPECT_THAT(refusal("1f1b", {1024, 1 << 30}),
              HasSubstr("the nearest legal number of micro-batches is 4096"));
}

}  // namespace
}  // namespace tokenwerk::test
