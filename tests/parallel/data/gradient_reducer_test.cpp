#include "parallel/data/gradient_reducer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "core/error.h"
#include "core/nn/mlp.h"
#include "tests/support/mpi_test.h"

namespace tokenwerk::test {
namespace {

/// Units from the end of the buffer to its start, as backward completes them.
std::vector<ElementRange> units_from_end(const std::vector<Index>& counts) {
  std::vector<ElementRange> units;
  Index end = 0;
  for (Index count : counts) {
    units.push_back({end, end + count});
    end += count;
  }
  std::reverse(units.begin(), units.end());
  return units;
}

const std::vector<Index> layer_counts = {5000, 7, 1000, 0, 3, 900, 1, 6553, 12, 300};

template <typename T>
void expect_sums(DeviceArray<T>& gradient, std::uint64_t seed, int size) {
  std::vector<T> sum(gradient.host.size());
  for (int rank = 0; rank < size; ++rank)
    for (std::size_t i = 0; i < sum.size(); ++i)
      sum[i] += static_cast<T>(whole_value(seed, rank, static_cast<Index>(i)));
  EXPECT_TRUE(gradient.download() == sum) << "seed " << seed;
}

template <typename T>
void fill(DeviceArray<T>& gradient, const ElementRange& range, std::uint64_t seed, int rank) {
  for (Index i = range.first; i < range.last; ++i)
    gradient.host[static_cast<std::size_t>(i)] = static_cast<T>(whole_value(seed, rank, i));
  gradient.upload(range.first, range.last);
}

template <typename T>
void fill(DeviceArray<T>& gradient, std::uint64_t seed, int rank) {
  fill(gradient, {0, static_cast<Index>(gradient.host.size())}, seed, rank);
}

/// So many numbers on the world's device.
template <typename T>
DeviceArray<T> make_gradient(World& world, Index count) {
  return {*world.stream, std::vector<T>(static_cast<std::size_t>(count))};
}

TEST(GradientBuckets, JoinNeighboursUpToTheirSize) {
  const std::vector<GradientBucket> buckets =
      make_buckets(units_from_end({10, 20, 30, 100, 5, 5}), 4, {.bucket_bytes = 200});
  ASSERT_EQ(buckets.size(), 4u);
  EXPECT_EQ(buckets[0].range, (ElementRange{160, 170}));
  EXPECT_EQ(buckets[0].units, 2);
  EXPECT_EQ(buckets[1].range, (ElementRange{60, 160}));
  EXPECT_EQ(buckets[1].units, 1);
  EXPECT_EQ(buckets[2].range, (ElementRange{10, 60}));
  EXPECT_EQ(buckets[2].units, 2);
  EXPECT_EQ(buckets[3].range, (ElementRange{0, 10}));
}

TEST(GradientBuckets, NeverJoinUnitsThatLieApart) {
  const std::vector<GradientBucket> buckets =
      make_buckets({{0, 10}, {20, 30}, {10, 20}}, 4, {.bucket_bytes = 1000});
  ASSERT_EQ(buckets.size(), 2u);
  EXPECT_EQ(buckets[0].range, (ElementRange{0, 10}));
  EXPECT_EQ(buckets[1].range, (ElementRange{10, 30}));
}

/// Several steps, each rank completing units in an order and at a speed of its own.
template <typename T>
void reduce_in_any_order(std::size_t bucket_bytes) {
  World world;
  std::vector<ElementRange> units = units_from_end(layer_counts);
  DeviceArray<T> gradient = make_gradient<T>(world, units.front().last);
  GradientReducer reducer(*world.comm, gradient, units, {.bucket_bytes = bucket_bytes});
  std::mt19937 random(static_cast<unsigned>(world.rank()));
  for (std::uint64_t step = 0; step < 3; ++step) {
    std::fill(gradient.host.begin(), gradient.host.end(), T{-12345});  // nobody may send this
    gradient.upload();
    std::shuffle(units.begin(), units.end(), random);
    for (const ElementRange& unit : units) {
      if (random() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 900));
      fill(gradient, unit, step, world.rank());
      reducer.mark_ready(*world.stream, unit);
    }
    reducer.finish(*world.stream);
    expect_sums(gradient, step, world.size());
  }
}

TEST(GradientReducer, SumsOverRanksWhateverTheOrderOfArrival) {
  for (std::size_t bytes : {2000u, 40000u, 4u << 20}) {
    reduce_in_any_order<float>(bytes);
    reduce_in_any_order<double>(bytes);
  }
}

TEST(GradientReducer, FinishReducesUnitsThatNobodyMarked) {
  World world;
  const std::vector<ElementRange> units = units_from_end(layer_counts);
  DeviceArray<float> gradient = make_gradient<float>(world, units.front().last);
  GradientReducer reducer(*world.comm, gradient, units);
  fill(gradient, 9, world.rank());
  if (world.rank() == 0) reducer.mark_ready(*world.stream, units[2]);
  reducer.finish(*world.stream);
  expect_sums(gradient, 9, world.size());
}

TEST(GradientReducer, LeavesUnmarkedBucketsAloneUntilTheEnd) {
  World world;
  const std::vector<ElementRange> units = units_from_end({1000, 1000});
  ControlWorld control;
  DeviceArray<float> gradient = make_gradient<float>(world, 2000);
  fill(gradient, 1, world.rank());
  GradientReducer reducer(*world.comm, gradient, units, {.bucket_bytes = 4000});
  reducer.mark_ready(*world.stream, units[0]);
  control.comm->barrier();
  gradient.host[0] += 1.0f;  // backward still writes here
  gradient.upload(0, 1);
  control.comm->barrier();
  reducer.finish(*world.stream);
  gradient.download();
  gradient.host[0] -= static_cast<float>(world.size());
  gradient.upload();
  expect_sums(gradient, 1, world.size());
}

TEST(GradientReducer, TakesTheGroupsOfAStoreAsUnits) {
  World world;
  Mlp mlp({.name = "mlp", .width = 5, .ffn_width = 7, .bias = Bias::present});
  const ParameterStore store(*world.device, mlp.groups());
  DeviceArray<float> gradient = make_gradient<float>(world, store.size());
  GradientReducer reducer(*world.comm, store, gradient);
  ASSERT_EQ(reducer.buckets().size(), 1u);
  EXPECT_EQ(reducer.buckets()[0].units, 4);
  fill(gradient, 3, world.rank());
  for (const ParameterGroup* group : store.groups()) reducer.mark_ready(*world.stream, *group);
  reducer.finish(*world.stream);
  expect_sums(gradient, 3, world.size());

  GradientReducer pieces(*world.comm, store, gradient, {.bucket_bytes = 1});
  ASSERT_EQ(pieces.buckets().size(), 4u);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(pieces.buckets()[i].range.first, store.groups()[3 - i]->offset);
  const ParameterGroup& last = *store.groups().back();
  pieces.mark_ready(*world.stream, last);
  EXPECT_THROW(pieces.mark_ready(*world.stream, ElementRange{last.offset, store.size()}),
               ShapeError);
  ParameterGroup other = make_bias({{"other", Share::all(3)}}, DType::f32);
  other.index = 4;
  EXPECT_THROW(pieces.mark_ready(*world.stream, other), ShapeError);
  pieces.finish(*world.stream);
}

TEST(GradientReducer, RefusesUnitsThatDoNotTileTheBufferAndMarksThatDoNotFit) {
  World world;
  const DeviceArray<float> gradient = make_gradient<float>(world, 10);
  const TensorView view = gradient;
  const auto make = [&](std::vector<ElementRange> units) {
    const GradientReducer reducer(*world.comm, view, std::move(units));
  };
  EXPECT_THROW(make({{0, 4}, {5, 10}}), ShapeError);
  EXPECT_THROW(make({{0, 6}, {5, 10}}), ShapeError);
  EXPECT_THROW(make({{0, 9}}), ShapeError);
  EXPECT_THROW(make({{0, 11}}), ShapeError);
  GradientReducer reducer(*world.comm, view, {{5, 10}, {0, 5}});
  EXPECT_THROW(reducer.mark_ready(*world.stream, {0, 4}), ShapeError);
  reducer.mark_ready(*world.stream, {0, 5});
  EXPECT_THROW(reducer.mark_ready(*world.stream, {0, 5}), ShapeError);
  reducer.finish(*world.stream);
}

}  // namespace
}  // namespace tokenwerk::test
