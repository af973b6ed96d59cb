/// What a run says of the bytes it sends, against the formulas of parallel/README.md.

#include <gtest/gtest.h>

#include <bit>

#include "core/dtype.h"
#include "tests/support/training.h"

namespace tokenwerk {
namespace {

/// Length and vocabulary (rounded up to a multiple of 8) of both models; global batch 8,
/// micro-batches of 1.
constexpr Index layers = 2, width = 32, length = 32, vocabulary = 264, batch = 8;
/// f32 of one micro-batch's residual stream.
constexpr Index stream_bytes = 4 * length * width;

/// Elements of a model's matrices, and of its vectors.
struct Sizes {
  Index blocks = 0;
  Index embedding = 0;  ///< E: tokens and positions
  Index head = 0;
  Index vectors = 0;
  Index matrices = 0;  ///< N

  /// N': a tied table once for each use.
  [[nodiscard]] Index uses() const { return blocks + embedding + head; }
};
constexpr Index table = vocabulary * width;
constexpr Sizes gpt{.blocks = layers * 12 * width * width,
                    .embedding = table + length * width,
                    .head = table,
                    .vectors = layers * 13 * width + 2 * width,
                    .matrices = layers * 12 * width * width + table + length * width};
constexpr Sizes llama{.blocks = layers * (3 * width * width + 3 * 88 * width),
                      .embedding = table,
                      .head = table,
                      .vectors = (2 * layers + 1) * width,
                      .matrices = layers * (3 * width * width + 3 * 88 * width) + 2 * table};

Index log2_of(Index ranks) { return std::bit_width(static_cast<std::uint64_t>(ranks)) - 1; }

/// What a rank sends of an array of so many bytes.
Index share(Index bytes, Index ranks) { return bytes * (ranks - 1) / ranks; }
Index all_reduce(Index bytes, Index ranks) {
  return bytes <= 16 << 10 ? bytes * log2_of(ranks) : 2 * share(bytes, ranks);
}

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
    return run_in(gpt_folder_, ranks, std::move(flags));
  }
  CommandResult run_llama(int ranks, std::vector<std::string> flags = {}) {
    return run_in(llama_folder_, ranks, std::move(flags));
  }
  void expect_zero_traffic(const CommandResult& result, int stage, const Sizes& n, Index ranks);

 private:
  static CommandResult run_in(const TrainingFolder& folder, int ranks,
                              std::vector<std::string> flags) {
    std::filesystem::remove_all(folder.path() / "run");
    flags.insert(flags.end(),
                 {"--training.stop_after", "2", "--checkpoint.every", "0", "--model.heads", "4"});
    return folder.train(ranks, "run", flags);
  }

  TrainingFolder gpt_folder_{gpt_model};
  TrainingFolder llama_folder_{llama_model};
};

TEST_F(Traffic, DataRanksSumEachGradientOnce) {
  for (const int ranks : {2, 4}) {
    const CommandResult result = run(ranks);
    EXPECT_EQ(sent(result, "data all_reduce"), all_reduce(4 * (gpt.matrices + gpt.vectors), ranks));
    EXPECT_EQ(sent(result, "tensor all_reduce"), 0);
    // The loss and the norm, 9 f64 each.
    EXPECT_EQ(sent(result, "world all_reduce"), all_reduce(2 * 9 * 8, ranks));
  }
}

void Traffic::expect_zero_traffic(const CommandResult& result, int stage, const Sizes& n,
                                  Index ranks) {
  SCOPED_TRACE(testing::Message() << "zero " << stage << " on " << ranks);
  const Index microbatches = batch / ranks;
  EXPECT_EQ(sent(result, "shard reduce_scatter"),
            stage == 1 ? share(4 * n.matrices, ranks) : microbatches * share(4 * n.uses(), ranks));
  // Stage 3: forward reads all, backward all but the embedding.
  EXPECT_EQ(sent(result, "shard all_gather"),
            stage < 3 ? share(4 * n.matrices, ranks)
                      : microbatches * share(4 * (2 * n.uses() - n.embedding), ranks));
  EXPECT_EQ(sent(result, "data all_reduce"), 4 * n.vectors * log2_of(ranks));  // small arrays
}

TEST_F(Traffic, ZeroStagesScatterGradientsAndGatherWeights) {
  for (const int ranks : {2, 4}) {
    for (const int stage : {1, 2, 3}) {
      const CommandResult result = run(ranks, {"--parallel.zero", std::to_string(stage)});
      expect_zero_traffic(result, stage, gpt, ranks);
    }
  }
  expect_zero_traffic(run_llama(4, {"--parallel.zero", "3"}), 3, llama, 4);
}

TEST_F(Traffic, TensorRanksSumFourTimesABlock) {
  const Index sums = 4 * layers + 2;  // embedding and head: one each
  // Inputs are gathered again for weight gradients; the loss gathers two f32 a token and rank.
  const Index gathers = 6 * layers + 3;
  const Index whole_vectors = layers * 6 * width + 2 * width;  // norms, biases of row products
  for (const int ranks : {2, 4}) {
    const std::string degree = std::to_string(ranks);
    const CommandResult plain = run(ranks, {"--parallel.tensor", degree});
    EXPECT_EQ(sent(plain, "tensor all_reduce"), batch * sums * all_reduce(stream_bytes, ranks));
    const Index loss = 8 * length * (ranks - 1);
    EXPECT_EQ(sent(plain, "tensor all_gather"), batch * loss);
    const CommandResult sliced =
        run(ranks, {"--parallel.tensor", degree, "--parallel.sequence", "true"});
    EXPECT_EQ(sent(sliced, "tensor reduce_scatter"), batch * sums * share(stream_bytes, ranks));
    EXPECT_EQ(sent(sliced, "tensor all_gather"),
              batch * (gathers * share(stream_bytes, ranks) + loss));
    EXPECT_EQ(sent(sliced, "tensor all_reduce"), 4 * whole_vectors * log2_of(ranks));
  }
}

/// Activations travel in bf16, partial sums in f32.
TEST_F(Traffic, RecomputationRepeatsTheForwardOfTensorRanks) {
  std::vector<std::string> flags{"--parallel.tensor", "2", "--training.precision", "bf16"};
  std::vector<std::string> full = flags;
  full.insert(full.end(), {"--parallel.recompute", "full"});
  const Index sums = batch * 2 * layers * share(stream_bytes, 2);
  EXPECT_EQ(sent(run(2, full), "tensor all_reduce") - sent(run(2, flags), "tensor all_reduce"),
            2 * sums);
  for (auto* both : {&flags, &full}) both->insert(both->end(), {"--parallel.sequence", "true"});
  const CommandResult kept = run(2, flags), repeated = run(2, full);
  EXPECT_EQ(sent(repeated, "tensor reduce_scatter") - sent(kept, "tensor reduce_scatter"), sums);
  EXPECT_EQ(sent(repeated, "tensor all_gather") - sent(kept, "tensor all_gather"), sums / 2);
}

TEST_F(Traffic, DelayedWeightGradientsGatherOnceMore) {
  const std::vector<std::string> flags{"--parallel.tensor",   "2",    "--parallel.pipeline", "2",
                                       "--parallel.sequence", "true", "--parallel.schedule"};
  std::vector<std::string> plain = flags, delayed = flags;
  plain.emplace_back("1f1b");
  delayed.emplace_back("zb-h1");
  EXPECT_EQ(sent(run(4, delayed), "tensor all_gather") - sent(run(4, plain), "tensor all_gather"),
            batch * 2 * (layers / 2) * share(stream_bytes, 2));
}

TEST_F(Traffic, PipelineRanksExchangeActivationsAndTheTiedTable) {
  const CommandResult two = run(2, {"--parallel.pipeline", "2"});
  EXPECT_EQ(sent(two, "pipeline exchange"), batch * stream_bytes + 4 * table);
}

}  // namespace
}  // namespace tokenwerk
