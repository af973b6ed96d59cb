/// Streams wait for each other wherever they must: no timing changes a loss, and where a wait is
/// missing or ranks disagree, the emulator shows it.

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "tests/parallel/layouts/runs.h"

namespace tokenwerk::test {
namespace {

using enum Tiny;

/// Tensor, sequence and pipeline parallelism on one, ZeRO on the other; a few steps.
const Layout axes{4, gpt, Precision::f32, "micro_batch=4 tensor=2 sequence=true pipeline=2", 2};
const Layout sharded{2, llama, Precision::f32, "micro_batch=4 zero=3", 2};

struct Outcome {
  CommandResult result;
  std::vector<double> losses;  ///< none where the run did not end well
};

/// Trains three steps on the emulated device with these settings of the emulator.
Outcome train(const Layout& layout, const std::map<std::string, std::string>& settings) {
  const Runs& runs = Runs::of(layout);
  std::string run = name_of(layout);
  auto environment = training_environment();
  for (const auto& [name, value] : settings) {
    environment["TOKENWERK_EMULATED_" + name] = value;
    run += fmt::format("_{}_{}", name, value);
  }
  std::vector<std::string> flags = runs.flags(layout);
  flags.insert(flags.end(), {"--device.kind", "cuda", "--training.stop_after", "3"});
  Outcome outcome;
  outcome.result = run_command(runs.folder().command(layout.ranks, run, flags),
                               runs.folder().path(), environment);
  if (outcome.result.exit_code == 0) outcome.losses = runs.folder().losses(run);
  return outcome;
}

const std::vector<double>& undisturbed(const Layout& layout) {
  static std::map<std::string, std::vector<double>> all;
  const auto [place, fresh] = all.try_emplace(name_of(layout));
  if (fresh) {
    const Outcome outcome = train(layout, {});
    EXPECT_EQ(outcome.losses.size(), 3u) << outcome.result.output;
    place->second = outcome.losses;
  }
  return place->second;
}

class TimingSeed : public testing::TestWithParam<int> {};

TEST_P(TimingSeed, ChangesNoBitOfALoss) {
  for (const Layout& layout : {axes, sharded}) {
    const Outcome outcome = train(layout, {{"SEED", std::to_string(GetParam())}});
    EXPECT_EQ(outcome.losses, undisturbed(layout)) << outcome.result.output;
  }
}

INSTANTIATE_TEST_SUITE_P(Default, TimingSeed, testing::Range(1, 3));
INSTANTIATE_TEST_SUITE_P(Long, TimingSeed, testing::Range(3, 11));

/// A stream of the layout, in the order in which a rank makes them, that is made deaf.
struct DeafStream {
  Layout layout;
  int number;
  const char* purpose;
};
void PrintTo(const DeafStream& stream, std::ostream* out) { *out << stream.purpose; }

class MissingWait : public testing::TestWithParam<DeafStream> {};

TEST_P(MissingWait, ShowsWithinTenSeeds) {
  const auto& [layout, number, purpose] = GetParam();
  for (int seed = 1; seed <= 10; ++seed) {
    const Outcome outcome = train(layout, {{"SEED", std::to_string(seed)},
                                           {"DEAF_STREAM", std::to_string(number)},
                                           {"NCCL_SECONDS", "20"}});
    if (outcome.losses != undisturbed(layout)) return;
  }
  ADD_FAILURE() << "the stream of " << purpose << " waits for nothing, and nobody noticed";
}

INSTANTIATE_TEST_SUITE_P(Default, MissingWait,
                         testing::Values(DeafStream{sharded, 1, "compute"},
                                         DeafStream{sharded, 4, "gradients"}),
                         [](const auto& row) { return row.param.purpose; });
INSTANTIATE_TEST_SUITE_P(Long, MissingWait,
                         testing::Values(DeafStream{sharded, 5, "weights"},
                                         DeafStream{axes, 1, "compute_of_axes"},
                                         DeafStream{axes, 2, "activations"},
                                         DeafStream{axes, 7, "messages_sent"},
                                         DeafStream{axes, 8, "messages_received"}),
                         [](const auto& row) { return row.param.purpose; });

TEST(Collectives, ThatRanksDoNotCallAlikeEndTheRunWithBothSides) {
  const Outcome outcome = train(sharded, {{"NCCL_SHORTER", "4"}});
  EXPECT_EQ(outcome.result.exit_code, 4) << outcome.result.output;
  EXPECT_NE(outcome.result.output.find("call 4"), std::string::npos) << outcome.result.output;
  EXPECT_NE(outcome.result.output.find("; rank "), std::string::npos) << outcome.result.output;
}

}  // namespace
}  // namespace tokenwerk::test
