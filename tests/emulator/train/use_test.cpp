/// The program on the cuda device as its users meet it: checkpoints that cross devices, memory,
/// energy, machines that lack something.

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "tests/support/training.h"

namespace tokenwerk {
namespace {

using Settings = std::map<std::string, std::string>;

/// `tokenwerk train --device.kind cuda` with these variables in the environment.
CommandResult train(const TrainingFolder& folder, int ranks, const std::string& run,
                    std::vector<std::string> flags, const Settings& settings = {}) {
  auto environment = training_environment();
  environment.insert(settings.begin(), settings.end());
  flags.insert(flags.end(), {"--device.kind", "cuda", "--training.micro_batch", "4"});
  return run_command(folder.command(ranks, run, flags), folder.path(), environment);
}

TEST(CudaUse, ACheckpointGoesOnOnTheOtherDevice) {
  const TrainingFolder folder(llama_model);
  folder.train(1, "whole", {"--training.stop_after", "9"});
  const auto gpu =
      train(folder, 2, "parts", {"--training.stop_after", "3", "--parallel.zero", "1"});
  ASSERT_EQ(gpu.exit_code, 0) << gpu.output;
  folder.train(1, "parts", {"--training.stop_after", "6", "--checkpoint.resume", "latest"});
  const auto again = train(
      folder, 2, "parts",
      {"--training.stop_after", "9", "--parallel.zero", "3", "--checkpoint.resume", "latest"});
  ASSERT_EQ(again.exit_code, 0) << again.output;
  expect_same_losses(folder.losses("parts"), folder.losses("whole"));
}

TEST(CudaUse, InitialWeightsComeAfterTheDrawThatTheyReplace) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "before");
  const std::vector<std::string> flags{"--model.initial", "before/checkpoints",
                                       "--training.stop_after", "1"};
  folder.train(1, "cpu", flags);
  for (const std::string seed : {"1", "2", "3", "4"}) {
    const auto result = train(folder, 1, "cuda" + seed, flags, {{"TOKENWERK_EMULATED_SEED", seed}});
    ASSERT_EQ(result.exit_code, 0) << result.output;
    expect_same_losses(folder.losses("cuda" + seed), folder.losses("cpu"));
  }
}

TEST(CudaUse, APreflightMeasuresEveryGpuAndTheLinksBetweenThem) {
  const TrainingFolder folder(gpt_model);
  const CommandResult result =
      run_command(tokenwerk_command(2, {"doctor", "--allocation", "--device", "cuda", "--tolerance",
                                        "99", "--disk-megabytes", "0"}),
                  folder.path(), training_environment());
  ASSERT_EQ(result.exit_code, 0) << result.output;
  for (const char* part : {"2 ranks on 1 host, cuda", "matrix product", "memory, GB/s",
                           "link inside, MB/s", "beside two others"})
    EXPECT_NE(result.output.find(part), std::string::npos) << part << " in\n" << result.output;
}

TEST(CudaUse, GeneratesAndEvaluatesLikeTheCpu) {
  const TrainingFolder folder(gpt_model);
  folder.train(1, "run");
  const auto output = [&](std::vector<std::string> arguments, const std::string& device) {
    arguments.insert(arguments.end(), {"--device", device});
    const CommandResult result = folder.tokenwerk(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.output;
    return result.output;
  };
  const auto text = [&](const std::string& device) {
    std::string all = output({"generate", "run/checkpoints", "--prompt", "the rank",
                              "--temperature", "0", "--tokens", "12"},
                             device);
    const std::regex said("(no energy|attention of|[0-9]+ tokens, time)[^\n]*\n");
    return std::regex_replace(all, said, "");
  };
  EXPECT_EQ(text("cuda"), text("cpu"));
  const auto loss = [&](const std::string& device) {
    const std::string all =
        output({"evaluate", "run/checkpoints", "--data", "data/text.validation"}, device);
    return std::stod(all.substr(all.find("  loss ") + 7));
  };
  EXPECT_NEAR(loss("cuda"), loss("cpu"), 2e-6);
}

TEST(CudaUse, ASteadyStepAsksTheDriverForNothing) {
  const TrainingFolder folder(gpt_model);
  const auto asked = [&](const std::string& steps) {
    const auto result = train(folder, 2, "steps" + steps,
                              {"--training.stop_after", steps, "--parallel.zero", "3",
                               "--training.validate_every", "0", "--checkpoint.every", "0"},
                              {{"TOKENWERK_EMULATED_REPORT", "1"}});
    EXPECT_EQ(result.exit_code, 0) << result.output;
    std::vector<std::string> reports;
    const std::regex line("emulated: [^\n]*");
    for (std::sregex_iterator it(result.output.begin(), result.output.end(), line), end; it != end;
         ++it)
      reports.push_back(it->str());
    EXPECT_EQ(reports.size(), 2u) << result.output;
    std::sort(reports.begin(), reports.end());
    return reports;
  };
  EXPECT_EQ(asked("3"), asked("6"));
}

TEST(CudaUse, JoulesAreThoseOfAllGpus) {
  const TrainingFolder folder(gpt_model);
  const auto result = train(folder, 2, "run", {"--training.stop_after", "2"},
                            {{"LD_LIBRARY_PATH", TW_EMULATED_NVML}});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  for (const nlohmann::json& step : folder.steps("run"))
    EXPECT_EQ(step["joules_per_token"].get<double>(), 2.0 / (8 * 32));
  EXPECT_EQ(result.output.find("no energy"), std::string::npos) << result.output;
}

TEST(CudaUse, WhatCannotBeMeasuredIsNull) {
  const TrainingFolder folder(gpt_model);
  const auto result = train(folder, 1, "run", {"--training.stop_after", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  for (const char* field : {"mfu", "joules_per_token"})
    EXPECT_TRUE(folder.steps("run").at(0)[field].is_null()) << field;
  EXPECT_GT(folder.steps("run").at(0)["memory_peak_bytes"].get<double>(), 0.0);
}

/// What rank 0 waits for: a rank that comes half a second late to each step, whichever stream it is
/// waited for on.
TEST(CudaUse, WaitingForOtherRanksIsExposedCommunication) {
  const TrainingFolder folder(gpt_model);
  for (const std::string axis : {"tensor", "pipeline", "data"}) {
    const auto result = train(folder, 2, axis,
                              {"--training.stop_after", "2", "--parallel." + axis, "2", "--inject",
                               "slow:rank=1,step=1,seconds=0.5"},
                              {{"TOKENWERK_ALLOW_INJECT", "1"}});
    ASSERT_EQ(result.exit_code, 0) << result.output;
    for (const nlohmann::json& step : folder.steps(axis)) {
      const double waited = step["comm_exposed_fraction"].get<double>();
      EXPECT_GT(waited * step["step_seconds"].get<double>(), 0.4) << axis;
      EXPECT_LE(waited, 1.0) << axis;
    }
  }
}

TEST(LongCudaUse, ASlowRankIsNamed) {
  const TrainingFolder folder(gpt_model);
  const auto result =
      train(folder, 2, "run", {"--log.every", "4", "--inject", "slow:rank=1,step=1,seconds=0.6"},
            {{"TOKENWERK_ALLOW_INJECT", "1"}});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_TRUE(std::regex_search(folder.bytes("run/events.jsonl"),
                                std::regex("\"straggler\",\"step\":[0-9]+,\"rank\":1")))
      << result.output;
}

TEST(CudaUse, AHangIsNamedByTheWatchdogAndEndsAllRanks) {
  const TrainingFolder folder(gpt_model);
  const auto result = train(folder, 2, "run", {"--parallel.zero", "1"},
                            {{"TOKENWERK_EMULATED_NCCL_HANGS", "3"},
                             {"TOKENWERK_EMULATED_NCCL_SECONDS", "100"},
                             {"TOKENWERK_NCCL_SECONDS", "3"}});
  EXPECT_EQ(result.exit_code, 4) << result.output;
  EXPECT_TRUE(std::regex_search(
      result.output, std::regex("NCCL: [a-z_]+ [0-9]+ of [0-9]+ bytes over [a-z]+ .rank [01] of "
                                "2, host [^)]+. has not ended for [0-9]+ s")))
      << result.output;
}

/// What a machine lacks, and the words and exit code that it ends with.
struct Lack {
  const char* name;
  int ranks;
  Settings settings;
  std::vector<std::string> flags;
  int exit_code;
  const char* words;
};
void PrintTo(const Lack& lack, std::ostream* out) { *out << lack.name; }

class CudaLack : public testing::TestWithParam<Lack> {};

TEST_P(CudaLack, IsToldAtOnce) {
  static const TrainingFolder folder(gpt_model);
  const Lack& lack = GetParam();
  const auto result = train(folder, lack.ranks, lack.name, lack.flags, lack.settings);
  EXPECT_EQ(result.exit_code, lack.exit_code) << result.output;
  EXPECT_NE(result.output.find(lack.words), std::string::npos) << result.output;
  EXPECT_FALSE(std::filesystem::exists(folder.path() / lack.name / "metrics.jsonl"));
}

INSTANTIATE_TEST_SUITE_P(
    All, CudaLack,
    testing::Values(
        Lack{"gpus", 2, {{"TOKENWERK_EMULATED_DEVICES", "0"}}, {}, 4, "knows no GPU"},
        Lack{"a_gpu", 2, {{"TOKENWERK_EMULATED_DEVICES", "1"}}, {}, 4, "start at most 1 rank"},
        Lack{"memory_for_the_model",
             1,
             {{"TOKENWERK_EMULATED_MEMORY", "33554432"}},
             {"--model.width", "1024", "--model.heads", "16"},
             2,
             "more memory than Emulated GPU has"},
        Lack{"an_order_of_sums",
             1,
             {},
             {"--training.reproducible", "true"},
             2,
             "the nearest legal value is false"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace tokenwerk
