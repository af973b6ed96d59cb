/// What a run says of the bytes it sends, against the formulas of parallel/README.md.

#include <gtest/gtest.h>

#include "core/dtype.h"
#include "tests/support/training.h"

namespace tokenwerk {
namespace {

/// gpt_model: L, C, T, and V rounded up to a multiple of 8; global batch 8, micro-batches of 1.
constexpr Index layers = 2, width = 32, length = 32, vocabulary = 264, batch = 8;
constexpr Index matrices = vocabulary * width + length * width + layers * 12 * width * width;
constexpr Index vectors = layers * 13 * width + 2 * width;
/// f32 of one micro-batch's residual stream.
constexpr Index stream_bytes = 4 * length * width;

/// The figure behind `what` ("data all_reduce") in the last line of a run; 0 where it is not there.
Index sent(const CommandResult& result, const std::string& what) {
  const std::string& text = result.output;
  const std::size_t line = text.find("bytes sent a step, most of any rank: ");
  EXPECT_NE(line, std::string::npos) << text;
  const std::size_t place = text.find(" " + what + " ", line);
  return place == std::string::npos ? 0 : std::stoll(text.substr(place + what.size() + 2));
}

class Traffic : public ::testing::Test {
 protected:
  CommandResult run(int ranks, std::vector<std::string> flags = {}) {
    std::filesystem::remove_all(folder_.path() / "run");
    flags.insert(flags.end(), {"--training.stop_after", "2", "--checkpoint.every", "0"});
    return folder_.train(ranks, "run", flags);
  }

 private:
  TrainingFolder folder_{gpt_model};
};

TEST_F(Traffic, DataRanksSumEachGradientOnce) {
  const CommandResult two = run(2), four = run(4);
  EXPECT_EQ(sent(two, "data all_reduce"), 4 * (matrices + vectors));
  EXPECT_EQ(sent(four, "data all_reduce"), 6 * (matrices + vectors));
  EXPECT_EQ(sent(two, "tensor all_reduce"), 0);
}

TEST_F(Traffic, ZeroStagesScatterGradientsAndGatherWeights) {
  const Index half = 4 * matrices / 2, microbatches = batch / 2;
  const CommandResult one = run(2, {"--parallel.zero", "1"});
  EXPECT_EQ(sent(one, "shard reduce_scatter"), half);
  EXPECT_EQ(sent(one, "shard all_gather"), half);
  EXPECT_EQ(sent(one, "data all_reduce"), 4 * vectors);
  const CommandResult two = run(2, {"--parallel.zero", "2"});
  // The tied table has two uses a micro-batch, and each is reduced by itself.
  const Index table = 4 * vocabulary * width / 2;
  EXPECT_EQ(sent(two, "shard reduce_scatter"), (half + table) * microbatches);
  EXPECT_EQ(sent(two, "shard all_gather"), half);
  const CommandResult three = run(2, {"--parallel.zero", "3"});
  EXPECT_EQ(sent(three, "shard reduce_scatter"), (half + table) * microbatches);
  // Forward reads all and the table twice, backward the blocks and the table.
  const Index blocks = 4 * layers * 12 * width * width / 2;
  EXPECT_EQ(sent(three, "shard all_gather"), (half + blocks + 2 * table) * microbatches);
}

TEST_F(Traffic, TensorRanksSumFourTimesABlock) {
  const Index sums = 4 * layers + 2;  // embedding and head: one each
  const CommandResult two = run(2, {"--parallel.tensor", "2"});
  EXPECT_EQ(sent(two, "tensor all_reduce"), sums * stream_bytes * batch);
  const CommandResult sliced = run(2, {"--parallel.tensor", "2", "--parallel.sequence", "true"});
  EXPECT_EQ(sent(sliced, "tensor reduce_scatter"), sums * stream_bytes * batch / 2);
  // Inputs are gathered again for weight gradients; the loss gathers two figures a token.
  const Index gathers = 6 * layers + 3;
  EXPECT_EQ(sent(sliced, "tensor all_gather"), (gathers * stream_bytes / 2 + 8 * length) * batch);
}

TEST_F(Traffic, PipelineRanksExchangeActivationsAndTheTiedTable) {
  const CommandResult two = run(2, {"--parallel.pipeline", "2"});
  EXPECT_EQ(sent(two, "pipeline exchange"), batch * stream_bytes + 4 * vocabulary * width);
}

}  // namespace
}  // namespace tokenwerk
