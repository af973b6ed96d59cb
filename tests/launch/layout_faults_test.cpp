/// Faults of [parallel]: each with its exact text, all at once, and advice that can be followed.

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "tests/launch/recipe_text.h"

namespace tokenwerk {
namespace {

using test::fault;
using test::read;
using test::small;

/// The text after "--KEY: " of the only fault that this value makes.
std::string fault_of(const std::string& key, const std::string& value,
                     std::vector<RecipeFlag> others = {}, Index ranks = 1) {
  others.push_back({key, value});
  const std::string message = fault(small, others, ranks);
  const std::string start = fmt::format("--{}: ", key);
  return message.starts_with(start) ? message.substr(start.size()) : message;
}

/// The recipe has 2 layers of 4 heads and 256 wide feed-forward layers, 8 sequences a step and 2 a
/// micro-batch.
TEST(LayoutFaults, RefusesATensorDegreeThatDoesNotDivide) {
  EXPECT_EQ(fault_of("parallel.tensor", "3", {}, 4),
            "3 does not divide 4 ranks, model.heads = 4, model.ffn_width = 256; the nearest legal "
            "value is 2");
  EXPECT_EQ(fault_of("parallel.tensor", "8", {}, 8),
            "8 does not divide model.heads = 4; the nearest legal value is 4");
  EXPECT_EQ(fault_of("parallel.tensor", "3", {{"training.micro_batch", "1"}}, 1),
            "3 does not divide 1 rank, model.heads = 4, model.ffn_width = 256; the nearest legal "
            "value is 1");
}

TEST(LayoutFaults, NamesTheNearestTensorDegreeWithWhichAllElseWorks) {
  // 6 is nearer, but 4 heads are not divided by it; so is 4, but it leaves 2 data ranks.
  EXPECT_EQ(fault_of("parallel.tensor", "5", {{"training.global_batch", "6"}}, 6),
            "5 does not divide 6 ranks, model.heads = 4, model.ffn_width = 256; the nearest legal "
            "value is 2");
  EXPECT_EQ(fault_of("parallel.tensor", "5", {{"parallel.data", "4"}}, 8),
            "5 does not divide 8 ranks, model.heads = 4, model.ffn_width = 256; the nearest legal "
            "value is 2");
}

TEST(LayoutFaults, RefusesKeyHeadsThatCannotBeShared) {
  EXPECT_NO_THROW((void)read(
      small, {{"model.heads", "8"}, {"model.kv_heads", "4"}, {"parallel.tensor", "8"}}, 8));
  EXPECT_EQ(fault_of("parallel.tensor", "3",
                     {{"model.heads", "12"},
                      {"model.kv_heads", "2"},
                      {"model.width", "72"},
                      {"model.ffn_width", "288"},
                      {"training.global_batch", "6"}},
                     3),
            "3 neither divides model.kv_heads = 2 nor is a multiple of it; the nearest legal value "
            "is 1");
}

TEST(LayoutFaults, RefusesAPipelineThatDividesNoRanks) {
  EXPECT_EQ(fault_of("parallel.pipeline", "3", {}, 4),
            "3 does not divide 4 ranks; the nearest legal value is 2");
  EXPECT_EQ(fault_of("parallel.pipeline", "3", {{"parallel.tensor", "2"}}, 4),
            "3 does not divide the 2 ranks that parallel.tensor = 2 leaves; the nearest legal "
            "value is 2");
}

TEST(LayoutFaults, RefusesMoreStagesThanLayers) {
  EXPECT_EQ(fault_of("parallel.pipeline", "4", {}, 4),
            "4 stages are more than model.layers = 2: each needs a block; the nearest legal value "
            "is 2");
  EXPECT_EQ(fault_of("parallel.pipeline", "2", {{"parallel.schedule", "zb-v"}}, 2),
            "4 stages are more than model.layers = 2: each needs a block; the nearest legal value "
            "is 1");
  EXPECT_EQ(fault_of("parallel.virtual_stages", "3", {{"parallel.schedule", "interleaved"}}),
            "3 stages are more than model.layers = 2: each needs a block; the nearest legal value "
            "is 2");
  EXPECT_EQ(fault_of("parallel.schedule", "interleaved", {{"model.layers", "1"}}),
            "interleaved has 2 stages or more on each rank, model.layers is 1; the nearest legal "
            "value is 1f1b");
}

TEST(LayoutFaults, RefusesStagesThatAScheduleDoesNotHave) {
  EXPECT_EQ(fault_of("parallel.virtual_stages", "2"),
            "2 is not what 1f1b has: 1 stage on each rank; the nearest legal value is 1");
  EXPECT_EQ(fault_of("parallel.virtual_stages", "1", {{"parallel.schedule", "interleaved"}}),
            "1 is not what interleaved has: 2 to 4096 stages on each rank; the nearest legal value "
            "is 2");
  EXPECT_EQ(fault_of("parallel.virtual_stages", "3", {{"parallel.schedule", "zb-v"}}),
            "3 is not what zb-v has: 2 stages on each rank; the nearest legal value is 2");
}

TEST(LayoutFaults, RefusesADataDegreeThatIsNotWhatIsLeft) {
  EXPECT_EQ(fault_of("parallel.data", "2", {}, 4),
            "2 is not the number of ranks, 4; the nearest legal value is 4");
  EXPECT_EQ(
      fault_of("parallel.data", "4", {{"parallel.tensor", "2"}, {"parallel.pipeline", "2"}}, 8),
      "4 x tensor 2 x pipeline 2 is not the number of ranks, 8; the nearest legal value is "
      "2");
}

TEST(LayoutFaults, RefusesTokensThatDoNotDivide) {
  EXPECT_EQ(fault_of("data.sequence_length", "30",
                     {{"parallel.sequence", "true"}, {"parallel.tensor", "4"}}, 4),
            "30 is no multiple of parallel.tensor = 4, which parallel.sequence needs; the nearest "
            "legal value is 32");
  EXPECT_EQ(fault_of("data.sequence_length", "1",
                     {{"parallel.sequence", "true"}, {"parallel.tensor", "4"}}, 4),
            "1 is no multiple of parallel.tensor = 4, which parallel.sequence needs; the nearest "
            "legal value is 4");
  EXPECT_NO_THROW((void)read(small, {{"data.sequence_length", "30"}, {"parallel.tensor", "4"}}, 4));
}

TEST(LayoutFaults, RefusesABatchOfMoreMicroBatchesThanCanBePlanned) {
  EXPECT_EQ(fault_of("training.global_batch", "2147483647"),
            "2147483647 are 1073741823 micro-batches a step on each rank; the nearest legal value "
            "is 2097152");
  EXPECT_EQ(fault_of("training.global_batch", "2000000",
                     {{"model.layers", "16"},
                      {"parallel.schedule", "interleaved"},
                      {"parallel.virtual_stages", "8"},
                      {"parallel.pipeline", "2"}},
                     2),
            "2000000 are 1000000 micro-batches a step on each rank; the nearest legal value is "
            "524288");
}

TEST(LayoutFaults, RefusesWhatZeroCannotShard) {
  EXPECT_EQ(fault_of("parallel.zero", "4"), "4 is not 0, 1, 2 or 3; the nearest legal value is 3");
  EXPECT_EQ(fault_of("parallel.zero_keep", "true", {{"parallel.zero", "2"}}),
            "needs parallel.zero = 3; without it the only legal value is false");
  EXPECT_EQ(fault_of("parallel.zero_group", "2", {}, 4),
            "needs parallel.zero of 1 to 3; without it the only legal value is 1");
  EXPECT_EQ(fault_of("parallel.zero_group", "3", {{"parallel.zero", "1"}}, 4),
            "3 does not divide the data-parallel degree 4; the nearest legal value is 2");
  EXPECT_EQ(fault_of("parallel.zero_group", "8", {{"parallel.zero", "1"}}, 4),
            "8 does not divide the data-parallel degree 4; the nearest legal value is 4");
}

TEST(LayoutFaults, RefusesTensorDegreesThatCutAChunkOfTheFixedOrder) {
  const std::vector<RecipeFlag> flags{{"training.reproducible", "true"},
                                      {"training.global_batch", "24"},
                                      {"model.width", "48"},
                                      {"model.heads", "6"}};
  EXPECT_EQ(
      fault_of("parallel.tensor", "3", flags, 6),
      "3 does not divide the 8 chunks of training.reproducible; the nearest legal value is 2");
}

TEST(LayoutFaults, StagesMayBeAnArray) {
  const auto with = [](const std::string& stages) {
    return std::string(small) + "[parallel]\npipeline = 2\nstages = " + stages + "\n";
  };
  EXPECT_EQ(read(with("[1, 1]"), {}, 2).parallel.stages, "1,1");
  EXPECT_EQ(fault(with("[1, 2]"), {}, 2),
            "run.toml:16:1: parallel.stages: adds up to 3 blocks, model.layers is 2; the nearest "
            "legal value is 1,1");
  EXPECT_EQ(fault(with("[]"), {}, 2), "run.toml:16:1: parallel.stages: is empty");
  EXPECT_EQ(fault(with("[1, \"1\"]"), {}, 2),
            "run.toml:16:1: parallel.stages: is an array, not numbers above 0, as 3,4,4,3");
}

TEST(LayoutFaults, RefusesStagesThatAreNotTheModel) {
  const std::vector<RecipeFlag> flags{{"model.layers", "4"}, {"parallel.pipeline", "2"}};
  const auto stages = [&](const std::string& text) {
    return fault_of("parallel.stages", text, flags, 2);
  };
  EXPECT_EQ(stages("1,2"),
            "adds up to 3 blocks, model.layers is 4; the nearest legal value is 1,3");
  EXPECT_EQ(stages("9,1"),
            "adds up to 10 blocks, model.layers is 4; the nearest legal value is 3,1");
  EXPECT_EQ(stages("99999999999,1"),
            "adds up to 100000000000 blocks, model.layers is 4; the nearest legal value is 3,1");
  EXPECT_EQ(
      stages("1,99999999999999999999"),
      "adds up to 1000000000001 blocks or more, model.layers is 4; the nearest legal value is "
      "1,3");
  EXPECT_EQ(stages("1,2,1"), "names 3 stages, the schedule has 2; the nearest legal value is 1,3");
  EXPECT_EQ(stages("3"),
            "names 1 stage, the schedule has 2; adds up to 3 blocks, model.layers is 4; the "
            "nearest legal value is 3,1");
  for (const char* text :
       {"1, 3", "0,4", "4,", ",4", "a", "2;2", "-99999999999999999999,5", "-1,5"})
    EXPECT_EQ(stages(text), fmt::format("\"{}\" is no list of numbers above 0, as 3,4,4,3; a legal "
                                        "value is 1,3",
                                        text));
}

}  // namespace
}  // namespace tokenwerk
