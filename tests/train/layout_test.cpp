/// Law 1 through the real command line: neither ranks nor micro-batches change the losses.

#include <gtest/gtest.h>

#include "tests/support/training.h"

namespace tokenwerk {
namespace {

TEST(Layout, AnyNumberOfRanksGivesTheLossesOfOne) {
  for (const std::string& model : {gpt_model, llama_model}) {
    const TrainingFolder folder(model);
    const std::vector<std::string> flags{"--training.steps", "50"};
    folder.train(1, "one", flags);
    const std::vector<double> one = folder.losses("one");
    ASSERT_EQ(one.size(), 50u);
    EXPECT_LT(one.back(), 0.6 * one.front()) << "nothing was learned";
    for (int ranks : {2, 4, 8}) {
      const std::string run = "ranks" + std::to_string(ranks);
      folder.train(ranks, run, flags);
      expect_same_losses(folder.losses(run), one);
    }
  }
}

TEST(Layout, MicroBatchesDoNotChangeTheLosses) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "one");
  for (const char* micro_batch : {"2", "8"}) {
    folder.train(1, micro_batch, {"--training.micro_batch", micro_batch});
    expect_same_losses(folder.losses(micro_batch), folder.losses("one"));
  }
}

TEST(Layout, Bf16RanksAgreeWithinWhatAMicroBatchChanges) {
  const TrainingFolder folder(llama_model);
  const std::vector<std::string> bf16{"--training.precision", "bf16"};
  folder.train(1, "one", bf16);
  folder.train(4, "four", bf16);
  const std::vector<double> one = folder.losses("one"), four = folder.losses("four");
  folder.train(1, "f32");
  const std::vector<double> f32 = folder.losses("f32");
  ASSERT_EQ(one.size(), four.size());
  bool differs = false;
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_NEAR(one[i], four[i], 2e-3 * one[i]) << "step " << i + 1;
    EXPECT_NEAR(one[i], f32[i], 2e-2 * f32[i]) << "step " << i + 1;
    differs = differs || one[i] != f32[i];
  }
  EXPECT_TRUE(differs) << "bf16 gave the very numbers of f32: was it used?";
}

TEST(Layout, OlderInstructionSetsTrainTheSameModel) {
  const TrainingFolder folder(gpt_model);
  const std::vector<std::string> bf16{"--training.precision", "bf16"};
  folder.train(1, "best", bf16);
  auto environment = training_environment();
  environment["ONEDNN_MAX_CPU_ISA"] = "AVX2";
  environment["TOKENWERK_ISA"] = "avx2";
  const CommandResult result =
      run_command(folder.command(1, "avx2", bf16), folder.path(), environment);
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const std::vector<double> best = folder.losses("best"), avx2 = folder.losses("avx2");
  ASSERT_EQ(best.size(), avx2.size());
  for (std::size_t i = 0; i < best.size(); ++i)
    EXPECT_NEAR(avx2[i], best[i], 2e-3 * best[i]) << "step " << i + 1;
}

}  // namespace
}  // namespace tokenwerk
