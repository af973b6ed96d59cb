/// Law 3 through the real command line: a run that goes on under one layout after the other.

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "tests/parallel/layouts/compare.h"
#include "tests/parallel/layouts/runs.h"

namespace tokenwerk::test {
namespace {

/// Part of a run: under this layout up to this step.
struct Leg {
  int ranks = 1;
  std::string keys;
  int last_step = 0;
};

const std::vector<Leg> legs{{1, "", 3},
                            {2, "zero=1", 6},
                            {4, "tensor=2 pipeline=2 schedule=zb-v", 9},
                            {4, "zero=3", 12},
                            {4, "pipeline=4 schedule=zb-h1 recompute=selective", 15},
                            {8, "tensor=4 sequence=true micro_batch=4 zero=2", 18},
                            {1, "micro_batch=2", 20}};

/// The same legs for sums of a fixed order.
const std::vector<Leg> fixed_legs{{1, "", 3},
                                  {2, "", 6},
                                  {4, "tensor=2 pipeline=2", 9},
                                  {4, "zero=3", 12},
                                  {4, "pipeline=4 schedule=zb-h1", 15},
                                  {4, "tensor=4 sequence=true micro_batch=2", 18},
                                  {1, "", 20}};

/// Trains leg after leg, each from where the last one stopped.
void train_legs(const Runs& runs, const std::string& run, const Layout& plain,
                const std::vector<Leg>& path, const std::vector<std::string>& more) {
  for (const Leg& leg : path) {
    std::vector<std::string> flags =
        runs.flags({leg.ranks, plain.model, plain.precision, leg.keys});
    flags.insert(flags.end(), {"--checkpoint.resume", "latest", "--training.stop_after",
                               std::to_string(leg.last_step)});
    flags.insert(flags.end(), more.begin(), more.end());
    runs.folder().train(leg.ranks, run, flags);
    ASSERT_EQ(runs.folder().losses(run).size(), static_cast<std::size_t>(leg.last_step));
  }
}

CommandResult diff(const Runs& runs, const std::string& a, const std::string& b) {
  return runs.folder().tokenwerk({"checkpoint", "diff", a + "/checkpoints", b + "/checkpoints"});
}

class Chain : public testing::TestWithParam<Layout> {};

TEST_P(Chain, ThroughSevenLayoutsIsTheUnbrokenRun) {
  const Layout& plain = GetParam();
  const Precision precision = plain.precision;
  Runs& runs = Runs::of(plain);
  const Record& whole = runs.one_rank(precision);
  const std::string run = fmt::format("chain_{}", name_of(precision));
  ASSERT_NO_FATAL_FAILURE(train_legs(runs, run, plain, legs, {}));
  const Tolerance tolerance = runs.tolerance(precision);
  expect_same_record(record_of(runs.folder(), run), whole, tolerance);
  const auto weights = [&](const std::string& name) {
    return arrays_below("model/", runs.folder().path() / runs.folder().checkpoint(name, 20));
  };
  // AdamW moves a weight by its gradient's sign where all there is of a gradient is rounding.
  const double allowed = precision == Precision::f32 ? 1e-3 : 3e-2;
  expect_close_arrays(weights(run), weights(name_of(plain)), allowed);
  EXPECT_EQ(diff(runs, run, name_of(plain)).exit_code, 3) << "so the next test could fail";
}

TEST_P(Chain, InFixedOrderHasTheBitsOfTheUnbrokenRun) {
  const Layout& plain = GetParam();
  Runs& runs = Runs::of(plain);
  const std::vector<std::string> fixed{"--training.reproducible", "true"};
  const std::string run = fmt::format("fixed_chain_{}", name_of(plain.precision));
  const std::string whole = fmt::format("fixed_whole_{}", name_of(plain.precision));
  ASSERT_NO_FATAL_FAILURE(train_legs(runs, run, plain, fixed_legs, fixed));
  ASSERT_NO_FATAL_FAILURE(train_legs(runs, whole, plain, {{1, "", 20}}, fixed));
  EXPECT_EQ(runs.folder().losses(run), runs.folder().losses(whole));
  const auto arrays = [&](const std::string& name) {
    return arrays_below("", runs.folder().path() / runs.folder().checkpoint(name, 20));
  };
  EXPECT_EQ(arrays(run), arrays(whole));
  const CommandResult same = diff(runs, run, whole);
  EXPECT_EQ(same.exit_code, 0) << same.output;
  EXPECT_NE(same.output.find("bit for bit"), std::string::npos) << same.output;
}

const auto name_of_row = [](const auto& row) { return name_of(row.param); };
INSTANTIATE_TEST_SUITE_P(Default, Chain, testing::Values(Layout{1, Tiny::llama, Precision::f32}),
                         name_of_row);
INSTANTIATE_TEST_SUITE_P(Long, Chain,
                         testing::Values(Layout{1, Tiny::gpt, Precision::f32},
                                         Layout{1, Tiny::gpt_untied, Precision::f32},
                                         Layout{1, Tiny::gpt, Precision::bf16},
                                         Layout{1, Tiny::llama, Precision::bf16}),
                         name_of_row);

}  // namespace
}  // namespace tokenwerk::test
