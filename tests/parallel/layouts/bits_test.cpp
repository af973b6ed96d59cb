/// training.reproducible: every layout has the bits of one rank, in what a run says and in what it
/// saves.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "tests/parallel/layouts/runs.h"

namespace tokenwerk::test {
namespace {

/// What a run leaves: its figures and every array of its last checkpoint.
struct Outcome {
  Record record;
  Arrays arrays;
};

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

/// What differs of two outcomes: names of figures and arrays.
std::vector<std::string> differences(const Outcome& a, const Outcome& b) {
  std::vector<std::string> names;
  if (!same_bits(a.record.losses, b.record.losses)) names.emplace_back("losses");
  if (!same_bits(a.record.norms, b.record.norms)) names.emplace_back("norms");
  if (!same_bits(a.record.validations, b.record.validations)) names.emplace_back("validations");
  EXPECT_EQ(a.arrays.size(), b.arrays.size());
  for (const auto& [name, values] : a.arrays) {
    const auto other = b.arrays.find(name);
    if (other == b.arrays.end() || !same_bits(values, other->second)) names.push_back(name);
  }
  return names;
}

enum class Sums { fast, fixed };

Outcome train(const Layout& layout, int threads, Sums sums) {
  const TrainingFolder& folder = Runs::of(layout).folder();
  const std::string run =
      (sums == Sums::fixed ? "fixed_" : "fast_") + name_of(layout) + "_" + std::to_string(threads);
  std::vector<std::string> flags = Runs::of(layout).flags(layout);
  flags.insert(flags.end(), {"--training.reproducible", sums == Sums::fixed ? "true" : "false"});
  std::map<std::string, std::string> environment = training_environment();
  environment["OMP_NUM_THREADS"] = std::to_string(threads);
  const CommandResult result =
      run_command(folder.command(layout.ranks, run, flags), folder.path(), environment);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  return {record_of(folder, run), arrays_below("", folder.path() / folder.checkpoint(run, 20))};
}

/// One rank, one thread, one sequence at a time; once a process for each model and precision.
const Outcome& one_rank(const Layout& layout) {
  static std::map<std::tuple<Tiny, Precision, int>, Outcome> all;
  const auto [place, fresh] = all.try_emplace({layout.model, layout.precision, layout.layers});
  if (fresh) {
    place->second = train({1, layout.model, layout.precision, "", layout.layers}, 1, Sums::fixed);
  }
  return place->second;
}

class EveryLayoutInFixedOrder : public testing::TestWithParam<Layout> {};

TEST_P(EveryLayoutInFixedOrder, HasTheBitsOfOneRank) {
  const Layout& layout = GetParam();
  const int threads = layout.ranks <= 2 ? 2 : 1;
  EXPECT_EQ(differences(train(layout, threads, Sums::fixed), one_rank(layout)),
            std::vector<std::string>{});
}

/// Degrees and micro-batches that the other tables leave out.
std::vector<Layout> more_layouts() {
  using enum Tiny;
  using enum Precision;
  return {
      {1, gpt, f32, "micro_batch=8"},
      {1, llama, bf16, "micro_batch=2 recompute=selective"},
      {2, llama, f32, "tensor=2 sequence=true micro_batch=4"},
      {2, gpt, bf16, "tensor=2 recompute=full"},
      {3, odd_gpt, f32, "zero=2 micro_batch=2"},
      {6, odd_gpt, f32, "tensor=2 sequence=true pipeline=3 schedule=zb-h1"},
      {8, wide_gpt, f32, "tensor=8 sequence=true micro_batch=2"},
      {8, wide_llama, f32, "tensor=8 sequence=true recompute=selective"},
      {8, wide_llama, bf16, "tensor=8"},
      {2, shared_kv, f32, "tensor=2 sequence=true"},
      {4, shared_kv, bf16, "tensor=4"},
      {6, odd_untied, bf16, "tensor=2 sequence=true zero=1 micro_batch=4"},
  };
}

/// Those whose tensor degree divides the eight chunks.
std::vector<Layout> legal(std::vector<Layout> layouts) {
  std::erase_if(layouts,
                [](const Layout& layout) { return 8 % number_of(layout, "tensor", 1) != 0; });
  return layouts;
}

using testing::ValuesIn;
const auto name_of_row = [](const auto& row) { return name_of(row.param); };
INSTANTIATE_TEST_SUITE_P(More, EveryLayoutInFixedOrder, ValuesIn(more_layouts()), name_of_row);
INSTANTIATE_TEST_SUITE_P(Default, EveryLayoutInFixedOrder, ValuesIn(default_layouts()),
                         name_of_row);
INSTANTIATE_TEST_SUITE_P(LongOdd, EveryLayoutInFixedOrder, ValuesIn(legal(odd_layouts())),
                         name_of_row);
INSTANTIATE_TEST_SUITE_P(Long, EveryLayoutInFixedOrder, ValuesIn(legal(long_layouts())),
                         name_of_row);

/// The positive control: without it, the test above could not fail.
TEST(FixedOrder, IsWhatMakesBitsEqual) {
  const Layout one{1, Tiny::llama, Precision::f32, "", 4};
  const Layout split{2, Tiny::llama, Precision::f32, "tensor=2", 4};
  const std::vector<std::string> names =
      differences(train(one, 1, Sums::fast), train(split, 1, Sums::fast));
  EXPECT_TRUE(std::ranges::count(names, "losses"));
  EXPECT_TRUE(std::ranges::count(names, "model/output.weight"));
}

}  // namespace
}  // namespace tokenwerk::test
