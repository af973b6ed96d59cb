/// What a trained model is used for, and what a run says of its memory.

#include <gtest/gtest.h>

#include "tests/support/sanitizers.h"
#include "tests/support/training.h"

namespace tokenwerk {
namespace {

TEST(Use, EvaluateGivesTheLossThatValidationFound) {
  const TrainingFolder folder(llama_model);
  folder.train(1, "run", {"--training.validate_batches", "100000"});
  const std::string metrics = folder.bytes("run/metrics.jsonl");
  const auto last = metrics.rfind("validation_loss");
  ASSERT_NE(last, std::string::npos);
  const double expected = std::stod(metrics.substr(last + 17));
  const CommandResult result =
      folder.tokenwerk({"evaluate", "run/checkpoints", "--data", "data/text.validation"});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const double loss = std::stod(result.output.substr(result.output.find("loss") + 4));
  EXPECT_NEAR(loss, expected, 1e-5 * expected) << result.output;
  const CommandResult two = run_command(
      tokenwerk_command(2, {"evaluate", "run/checkpoints", "--data", "data/text.validation"}),
      folder.path(), training_environment());
  ASSERT_EQ(two.exit_code, 0) << two.output;
  EXPECT_NEAR(std::stod(two.output.substr(two.output.find("loss") + 4)), expected, 1e-5 * expected);
}

TEST(Use, ValidatesWhenAskedToAndAtTheEndOrNever) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "some", {"--training.validate_every", "15"});
  EXPECT_EQ(folder.validation_losses("some").size(), 2u);
  folder.train(1, "none", {"--training.validate_every", "0"});
  EXPECT_EQ(folder.validation_losses("none").size(), 0u);
}

TEST(Use, WhatOneProcessDoesIsRefusedUnderALauncher) {
  const TrainingFolder folder(gpt_model);
  const CommandResult result = run_command(tokenwerk_command(2, {"generate", "run/checkpoints"}),
                                           folder.path(), training_environment());
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_NE(result.output.find("generate runs on one rank, not on 2"), std::string::npos)
      << result.output;
}

TEST(Use, AFileGetsWholeLinesEvenThroughMpirunsOwnTerminal) {
  const TrainingFolder folder(gpt_model);
  for (int ranks : {1, 2}) {
    const std::string output = folder.train(ranks, "run" + std::to_string(ranks)).output;
    EXPECT_NE(output.find("\nstep 7/20  loss"), std::string::npos) << output;
    EXPECT_EQ(output.find('\x1b'), std::string::npos) << output;
  }
}

TEST(Use, GenerateDependsOnTheSeedAlone) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "run");
  const auto generate = [&](const char* seed) {
    return folder.tokenwerk(
        {"generate", "run/checkpoints", "--prompt", "the rank", "--tokens", "20", "--seed", seed});
  };
  const auto text = [](const CommandResult& result) {
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_NE(result.output.find("time to first token"), std::string::npos) << result.output;
    return result.output.substr(0, result.output.find(" tokens, time to first"));
  };
  EXPECT_EQ(text(generate("1")), text(generate("1")));
  EXPECT_NE(text(generate("1")), text(generate("2")));
}

TEST(Use, CheckpointsTakenAwayFromTheDataStillWriteText) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "run", {"--training.stop_after", "2"});
  const std::vector<std::string> command{"generate", "run/checkpoints", "--temperature", "0"};
  const auto text = [&] {
    const CommandResult result = folder.tokenwerk(command);
    EXPECT_EQ(result.exit_code, 0) << result.output;
    return result.output.substr(0, result.output.rfind(" tokens, time to first"));
  };
  const std::string before = text();
  std::filesystem::remove_all(folder.path() / "data");
  EXPECT_EQ(text(), before);
}

TEST(Use, GenerateFollowsItsSamplingFlags) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "run", {"--training.stop_after", "2"});
  const auto generate = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> command{"generate", "run/checkpoints", "--prompt",
                                     "And",      "--tokens",        "20"};
    command.insert(command.end(), flags.begin(), flags.end());
    const CommandResult result = folder.tokenwerk(command);
    EXPECT_EQ(result.exit_code, 0) << result.output;
    return result.output.substr(0, result.output.rfind(" tokens, time to first"));
  };
  const std::string greedy = generate({"--temperature", "0"});
  EXPECT_EQ(generate({"--temperature", "0", "--seed", "9"}), greedy);
  EXPECT_EQ(generate({"--top-k", "1"}), greedy);
  EXPECT_EQ(generate({"--top-p", "1e-9"}), greedy);
  EXPECT_NE(generate({"--temperature", "5", "--top-p", "1"}), greedy);
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"--top-p", "nan"}, {"--temperature", "nan"}, {"--seed", "-1"}}) {
    const CommandResult result =
        folder.tokenwerk({"generate", "run/checkpoints", wrong[0], wrong[1]});
    EXPECT_EQ(result.exit_code, 2) << result.output;
    EXPECT_NE(result.output.find(wrong[0]), std::string::npos) << result.output;
  }
}

TEST(Use, AFreshRunStartsFromGivenWeights) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "first");
  for (const char* precision : {"f32", "bf16"}) {
    folder.train(1, precision,
                 {"--model.initial", "first/checkpoints", "--training.stop_after", "2",
                  "--training.precision", precision});
    EXPECT_LT(folder.losses(precision).front(), 0.8 * folder.losses("first").front());
  }
}

TEST(Use, TheReportedPeakIsWhatTheProcessGrewBy) {
  if (test::sanitized) GTEST_SKIP() << "a sanitizer's memory counts as the process's";
  const TrainingFolder folder(gpt_model);
  const CommandResult small = folder.train(1, "small", {"--training.stop_after", "2"});
  const CommandResult large =
      folder.train(1, "large",
                   {"--model.width", "1024", "--model.heads", "8", "--model.layers", "7",
                    "--checkpoint.every", "0", "--training.stop_after", "2"});
  const auto peak = folder.steps("large").back()["memory_peak_bytes"].get<double>();
  EXPECT_GE(peak, 1024.0 * 1024 * 1024);
  const auto growth = static_cast<double>(large.peak_rss) - static_cast<double>(small.peak_rss);
  EXPECT_NEAR(growth, peak, 0.15 * peak);
}

}  // namespace
}  // namespace tokenwerk
