/// Arrays of two checkpoints, compared across all cuts, dtypes and sizes.

#include "parallel/checkpoint/compare.h"

#include <gtest/gtest.h>

#include <cstring>

#include "parallel/comm/self_communicator.h"
#include "tests/parallel/checkpoint/checkpoint_sample.h"
#include "tests/parallel/checkpoint/rank_threads.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk::test {
namespace {

std::filesystem::path save(const TemporaryFolder& folder, const char* name, int ranks,
                           Layout layout, const std::vector<SampleArray>& arrays) {
  const std::filesystem::path directory = folder / name;
  for (const std::string& fault :
       run_ranks(ranks, [&](Communicator& c) { save_sample(c, directory, 1, arrays, layout); }))
    EXPECT_EQ(fault, "");
  return directory / "step-00000001";
}

TEST(CompareCheckpoints, FindsEveryBitEqualAcrossLayouts) {
  const TemporaryFolder folder;
  const auto arrays = sample_arrays();
  const auto a = save(folder, "a", 3, {0, 0}, arrays), b = save(folder, "b", 8, {1, 2}, arrays);
  const auto comparisons = compare_checkpoints(a, b);
  EXPECT_EQ(comparisons.size(), arrays.size());
  for (const ArrayComparison& comparison : comparisons)
    EXPECT_TRUE(comparison.equal()) << comparison.name;
}

/// One flipped bit anywhere, in every array: found there and nowhere else.
TEST(CompareCheckpoints, FindsEachFlippedBitAcrossLayouts) {
  const TemporaryFolder folder;
  const auto arrays = sample_arrays();
  const auto a = save(folder, "a", 4, {1, 0}, arrays);
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    auto changed = arrays;
    if (changed[i].bytes.empty()) continue;
    changed[i].bytes[changed[i].bytes.size() / 2] ^= std::byte{1};
    const auto b = save(folder, "b", 2, {0, 1}, changed);
    for (const ArrayComparison& comparison : compare_checkpoints(a, b))
      EXPECT_EQ(comparison.values.differing, comparison.name == arrays[i].name ? 1 : 0)
          << comparison.name;
  }
}

template <typename T>
SampleArray array_of(const std::vector<T>& values) {
  SampleArray array{"model/x", {static_cast<Index>(values.size())}, dtype_of<T>, {}};
  array.bytes.resize(values.size() * sizeof(T));
  std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

template <typename T>
ValueDifference difference(const std::vector<T>& left, const std::vector<T>& right) {
  const TemporaryFolder folder;
  const auto comparisons = compare_checkpoints(save(folder, "a", 1, {}, {array_of(left)}),
                                               save(folder, "b", 1, {}, {array_of(right)}));
  return comparisons.at(0).values;
}

TEST(CompareCheckpoints, MeasuresInEveryDtype) {
  const auto expect = [](const ValueDifference& d) {
    EXPECT_EQ(d.differing, 2);
    EXPECT_EQ(d.largest_absolute, 4.0);
    EXPECT_EQ(d.largest_relative, 0.75);
  };
  expect(difference<double>({1, 2, 16}, {4, 2, 12}));
  expect(difference<float>({1, 2, 16}, {4, 2, 12}));
  expect(difference<std::int32_t>({1, 2, 16}, {4, 2, 12}));
  using B = BFloat16;
  expect(difference<B>({B(1), B(2), B(16)}, {B(4), B(2), B(12)}));
}

TEST(CompareCheckpoints, OtherDtypesAreNotCompared) {
  const TemporaryFolder folder;
  const auto comparisons = compare_checkpoints(save(folder, "a", 1, {}, {array_of<float>({1})}),
                                               save(folder, "b", 1, {}, {array_of<double>({1})}));
  EXPECT_FALSE(comparisons.at(0).comparable());
  EXPECT_FALSE(comparisons.at(0).equal());
}

/// Arrays larger than the window are read in pieces.
TEST(CompareCheckpoints, FindsADifferenceBehindTheFirstWindow) {
  const TemporaryFolder folder;
  const Shape shape{3, 1 << 20};
  SampleArray array = sample_array("model/large", DType::i32, shape);
  const auto a = save(folder, "a", 2, {0, 0}, {array});
  array.bytes.back() ^= std::byte{1};
  array.bytes[4 * ((1 << 20) + 7)] ^= std::byte{1};
  const auto b = save(folder, "b", 3, {1, 0}, {array});
  EXPECT_EQ(compare_checkpoints(a, b).at(0).values.differing, 2);
}

}  // namespace
}  // namespace tokenwerk::test
