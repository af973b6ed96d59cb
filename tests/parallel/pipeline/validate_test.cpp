/// Planted faults: each is found, and named with its place.

#include "parallel/pipeline/validate.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "parallel/pipeline/generators.h"
#include "parallel/pipeline/schedule_text.h"

namespace tokenwerk::test {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

std::vector<std::string> faults_of(std::string_view text) {
  return validate(read_schedule(text, "by hand")).faults;
}

TEST(Validate, ASoundScheduleHasNoFaults) {
  EXPECT_THAT(faults_of("rank 0: 0F0 0F1 0B0 0I1 0W1\nrank 1: 1F0 1B0 1F1 1I1 1W1"), IsEmpty());
}

TEST(Validate, WhatIsMissingIsNamedWithItsRank) {
  EXPECT_THAT(faults_of("rank 0: 0F0 0F1 0B0 0B1\nrank 1: 1F0 1B0 1F1"),
              ElementsAre("rank 1: 1B1 is missing (or I and W in its place)"));
  EXPECT_THAT(faults_of("rank 0: 0F0 0F1 0I0 0W1 0B1"),
              UnorderedElementsAre("rank 0: 0W0 is missing",
                                   "rank 0, action 4 (0W1) doubles a part of rank 0, action 5 "
                                   "(0B1)",
                                   HasSubstr("deadlock")));
  EXPECT_THAT(faults_of("rank 0: 0F0 0W0"), ElementsAre("rank 0: 0I0 is missing"));
  EXPECT_THAT(faults_of("rank 0: 0F0 0B0\nrank 1: 1B0"), ElementsAre("rank 1: 1F0 is missing"));
}

TEST(Validate, WhatIsDoubledIsNamedWithBothPlaces) {
  EXPECT_THAT(faults_of("rank 0: 0F0 0F1 0B0 0F1 0B1"),
              ElementsAre("rank 0, action 4 (0F1) doubles rank 0, action 2"));
  EXPECT_THAT(faults_of("rank 0: 0F0 0I0 0W0 0B0"),
              ElementsAre("rank 0, action 2 (0I0) doubles a part of rank 0, action 4 (0B0)",
                          "rank 0, action 3 (0W0) doubles a part of rank 0, action 4 (0B0)"));
}

TEST(Validate, AnActionOnAnotherRankThanItsStagesIsNamed) {
  EXPECT_THAT(faults_of("rank 0: 0F0 0F1 0B0 0B1\nrank 1: 1F0 1B0 1F1 1B1 0F1"),
              ElementsAre("rank 1, action 5 (0F1): stage 0 belongs to rank 0",
                          "rank 1, action 5 (0F1) doubles rank 0, action 2"));
}

TEST(Validate, ADeadlockIsNamedAsACircle) {
  // Rank 0 wants a gradient before it has sent what the gradient is made of.
  EXPECT_THAT(faults_of("rank 0: 0F0 0B0 0F1 0B1\nrank 1: 1F0 1F1 1B0 1B1"),
              ElementsAre("deadlock: rank 0, action 2 (0B0) waits for rank 1, action 3 (1B0); rank "
                          "1, action 2 (1F1) waits for rank 0, action 3 (0F1)"));
}

TEST(Validate, AnActionBeforeItsOwnForwardIsACircleOfOne) {
  EXPECT_THAT(faults_of("rank 0: 0B0 0F0"),
              ElementsAre("deadlock: rank 0, action 1 (0B0) waits for rank 0, action 2 (0F0)"));
  EXPECT_THAT(faults_of("rank 0: 0F0 0W0 0I0"),
              ElementsAre("deadlock: rank 0, action 2 (0W0) waits for rank 0, action 3 (0I0)"));
}

TEST(Validate, RanksThatWaitForACircleAreNotInIt) {
  const auto faults = faults_of(
      "rank 0: 0F0 0B0 0F1 0B1\nrank 1: 1F0 1F1 1B0 1B1\nrank 2: 2F0 2F1 2B0 2B1\n"
      "rank 3: 3B0 3F0 3F1 3B1");
  EXPECT_THAT(faults, Contains(HasSubstr("rank 3, action 1 (3B0) waits for rank 3, action 2")));
  EXPECT_THAT(faults, Not(Contains(HasSubstr("rank 2"))));
}

TEST(Validate, NumbersThatDoNotExistAreNamed) {
  const PipelineSchedule schedule{
      .name = "wrong",
      .microbatches = 1,
      .rank_of_stage = {0, 5},
      .program = {{{0, Work::forward, 0}, {2, Work::backward, 0}, {0, Work::backward, -1}}, {}}};
  EXPECT_THAT(validate(schedule).faults,
              ElementsAre("stage 1 has no rank: ranks are 0 to 1", "rank 1 has no stage",
                          "rank 0, action 2 (2B0): stage 2 does not exist, there are 2",
                          "rank 0, action 3 (0B-1): micro-batch -1 does not exist, there are 1"));
  EXPECT_THAT(validate({}).faults, ElementsAre(HasSubstr("at least")));
}

TEST(Validate, ASlipInANumberIsNotAThousandFaults) {
  EXPECT_THAT(faults_of("rank 0: 0F0 0F1 0B0 0B100000"),
              ElementsAre("1 stages and 100001 micro-batches need 200002 actions or more, the "
                          "programs hold 4; largest stage: rank 0, action 1 (0F0), largest "
                          "micro-batch: rank 0, action 4 (0B100000)"));
}

TEST(Validate, PeaksCountActivationsWeightInputsAndBoth) {
  const ScheduleReport report =
      validate(read_schedule("rank 0: 0F0 0F1 0I0 0I1 0F2 0W0 0W1 0B2", "by hand"));
  EXPECT_THAT(report.faults, IsEmpty());
  EXPECT_THAT(report.peak_activations, ElementsAre(2));
  EXPECT_THAT(report.peak_weight_inputs, ElementsAre(2));
  EXPECT_THAT(report.peak_saved, ElementsAre(3));
}

TEST(Validate, BuffersAreCountedForTheSlowestReader) {
  const auto buffered = [](std::string_view name, const ScheduleShape& shape) {
    return validate(make_schedule(name, shape)).peak_buffered;
  };
  // Rank 0 can send all activations before rank 1 has used one; then come all the gradients.
  EXPECT_THAT(buffered("gpipe", {2, 5}), ElementsAre(5, 5));
  // Two micro-batches are under way at a time: on their way there, or on their way back.
  EXPECT_THAT(buffered("1f1b", {2, 5}), ElementsAre(2, 2));
  EXPECT_THAT(buffered("zb-v", {1, 5}), ElementsAre(0));
}

/// Every way to take one action out, to put one in twice, or to move one to another rank.
TEST(Validate, FindsEverySingleFaultOfASoundSchedule) {
  for (const std::string_view name : schedule_names()) {
    const PipelineSchedule sound = make_schedule(name, {3, 4});
    for (int rank = 0; rank < 3; ++rank)
      for (std::size_t i = 0; i < sound.program[rank].size(); ++i) {
        const std::string action = text_of(sound.program[rank][i]);
        SCOPED_TRACE(fmt::format("{} of rank {} in {}", action, rank, name));
        PipelineSchedule missing = sound, doubled = sound, moved = sound;
        const auto at = static_cast<std::ptrdiff_t>(i);
        missing.program[rank].erase(missing.program[rank].begin() + at);
        EXPECT_THAT(validate(missing).faults,
                    Contains(HasSubstr(fmt::format("rank {}: {} is missing", rank, action))));
        doubled.program[rank].push_back(sound.program[rank][i]);
        EXPECT_THAT(
            validate(doubled).faults,
            ElementsAre(fmt::format("rank {}, action {} ({}) doubles rank {}, action {}", rank,
                                    sound.program[rank].size() + 1, action, rank, i + 1)));
        moved = missing;
        moved.program[(rank + 1) % 3].push_back(sound.program[rank][i]);
        EXPECT_THAT(validate(moved).faults, Contains(HasSubstr("belongs to rank")));
      }
  }
}

/// Shuffled programs either come to their end or are told of: the player and the proof agree with a
/// plain search for an order of all actions.
TEST(Validate, NamesADeadlockExactlyWhenThereIsOne) {
  std::mt19937 random(7);
  int deadlocks = 0;
  for (int round = 0; round < 2000; ++round) {
    PipelineSchedule schedule = make_schedule("gpipe", {3, 2});
    for (auto& program : schedule.program) std::swap(program[random() % 4], program[random() % 4]);
    std::vector<std::size_t> place(3, 0);
    std::vector<std::string> done;
    const auto has = [&](const Action& action) {
      return std::ranges::count(done, text_of(action));
    };
    for (bool moved = true; moved;) {
      moved = false;
      for (int rank = 0; rank < 3; ++rank) {
        if (place[rank] == 4) continue;
        const Action next = schedule.program[rank][place[rank]];
        const bool forward = next.work == Work::forward;
        if (forward && rank > 0 && !has({rank - 1, Work::forward, next.microbatch})) continue;
        if (!forward && !has({rank, Work::forward, next.microbatch})) continue;
        if (!forward && rank < 2 && !has({rank + 1, Work::backward, next.microbatch})) continue;
        done.push_back(text_of(next));
        ++place[rank];
        moved = true;
      }
    }
    const auto faults = validate(schedule).faults;
    EXPECT_EQ(faults.empty(), done.size() == 12) << text_of(schedule);
    EXPECT_THAT(faults, Each(HasSubstr("deadlock: ")));
    deadlocks += faults.empty() ? 0 : 1;
  }
  EXPECT_GT(deadlocks, 200);
  EXPECT_LT(deadlocks, 1900);
}

}  // namespace
}  // namespace tokenwerk::test
