/// Shards of all ranks together are the whole store: every element once, with the same numbers.

#include "core/nn/parameter_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "core/ops/elementwise.h"
#include "tests/support/reference.h"

namespace tokenwerk {
namespace {

/// Sizes that no number of shards divides: a fused product, its biases, a padded table of which
/// this tensor rank holds the second part, a single row, a norm and a tied copy.
std::deque<ParameterGroup> odd_groups() {
  const auto matrix = [](const std::string& name, Index rows, Index columns) {
    return Parameter{.name = name,
                     .global_shape = {rows, columns},
                     .box = Box::whole({rows, columns}),
                     .initial = {.deviation = 0.02}};
  };
  const auto vector = [](const std::string& name, Index length, double value) {
    return Parameter{.name = name,
                     .global_shape = {length},
                     .box = Box::whole({length}),
                     .initial = {.constant = value}};
  };
  std::deque<ParameterGroup> groups(6);
  groups[0].parts = {matrix("q", 7, 5), matrix("k", 3, 5), matrix("v", 3, 5)};
  groups[1].parts = {vector("q.bias", 7, 0.5), vector("k.bias", 3, 0.25), vector("v.bias", 3, 0.0)};
  groups[2].parts = {matrix("table", 11, 4)};
  groups[2].parts[0].box = {{6, 0}, {5, 4}};
  groups[2].padding_rows = 3;
  groups[3].parts = {matrix("row", 1, 9)};
  groups[4].parts = {vector("norm", 5, 1.0)};
  groups[4].parts[0].copies = 2;
  groups[4].parts[0].copy = 1;
  groups[5].parts = {matrix("tied", 3, 4)};
  groups[5].tied_copy = true;
  return groups;
}

/// A store of these groups on one of the shards.
struct Sharded {
  Sharded(Device& device, Sharding sharding, Residence residence) : groups(odd_groups()) {
    std::vector<ParameterGroup*> pointers;
    for (ParameterGroup& group : groups) pointers.push_back(&group);
    store.emplace(device, pointers, sharding, residence);
  }
  std::deque<ParameterGroup> groups;
  std::optional<ParameterStore> store;
};

/// Every true element by name and global index, of one store that holds them all.
std::map<std::string, std::vector<double>> whole_values(TestDevice& test, std::uint64_t seed) {
  Sharded whole(*test.device, {}, Residence::whole);
  whole.store->initialise(*test.stream, seed);
  std::map<std::string, std::vector<double>> values;
  for (const ParameterGroup& group : whole.groups)
    for (const Parameter& part : group.parts) values[part.name] = values_of(part.value);
  return values;
}

class ShardedStore : public testing::TestWithParam<Residence> {
 protected:
  TestDevice test_;
};

TEST_P(ShardedStore, PiecesOfAllRanksAreEveryElementOnceWithTheWholesNumbers) {
  const auto whole = whole_values(test_, 7);
  for (const Index size : {1, 2, 3, 4, 5, 8, 16}) {
    std::map<std::string, std::vector<int>> counted, held;
    for (const auto& [name, values] : whole)
      counted[name] = held[name] = std::vector<int>(values.size(), 0);
    for (Index rank = 0; rank < size; ++rank) {
      Sharded shard(*test_.device, {rank, size}, GetParam());
      shard.store->initialise(*test_.stream, 7);
      for (const ParameterPiece& piece : shard.store->pieces()) {
        const std::string& name = piece.part->name;
        const Index columns = piece.box.extent.ndim() > 1 ? piece.box.extent[1] : 1;
        const Index first = (piece.box.offset[0] - piece.part->box.offset[0]) * columns;
        const std::vector<double> values = values_of(shard.store->values_of(piece));
        for (std::size_t i = 0; i < values.size(); ++i) {
          const std::size_t place = static_cast<std::size_t>(first) + i;
          EXPECT_EQ(values[i], whole.at(name).at(place)) << name << " " << place;
          ++held[name].at(place);
          if (piece.counted) ++counted[name].at(place);
        }
      }
    }
    for (const auto& [name, times] : counted) {
      const bool elsewhere = name == "norm" || name == "tied";  // counted by another rank
      const int shards = name.ends_with("bias") || name == "norm" ? static_cast<int>(size) : 1;
      EXPECT_EQ(times, std::vector<int>(times.size(), elsewhere ? 0 : 1)) << name << ", " << size;
      EXPECT_EQ(held[name], std::vector<int>(times.size(), shards)) << name << ", " << size;
    }
  }
}

TEST_P(ShardedStore, ShardsAreEqualAndPaddingIsZero) {
  for (const Index size : {1, 3, 8}) {
    for (Index rank = 0; rank < size; ++rank) {
      for (const Index count : {64, 256, 1024, 4096}) {  // what the store finds in its memory
        const Tensor before(*test_.device, DType::f32, Shape{count});
        fill(*test_.stream, before, 9.0);
      }
      test_.stream->synchronize();  // the store begins on a stream of its own
      Sharded shard(*test_.device, {rank, size}, GetParam());
      shard.store->initialise(*test_.stream, 7);
      for (const ParameterGroup& group : shard.groups) {
        if (!group.matrix()) continue;
        EXPECT_EQ(group.shard.count(), (group.rows() + size - 1) / size);
        EXPECT_EQ(shard.store->padded_shape(group)[0], group.shard.count() * size);
        Index true_rows = 0;
        for (const Parameter& part : group.parts) true_rows += part.box.extent[0];
        const TensorView values = shard.store->shard_values(group);
        const std::vector<double> zeros(static_cast<std::size_t>(values.columns()), 0.0);
        for (Index row = std::max<Index>(0, true_rows - group.shard.first); row < values.rows();
             ++row)
          EXPECT_EQ(values_of(values.slice_rows({row, row + 1})), zeros);
      }
    }
  }
}

TEST_P(ShardedStore, BindsWhatIsThereWhole) {
  Sharded shard(*test_.device, {1, 3}, GetParam());
  const bool whole = GetParam() == Residence::whole;
  for (const ParameterGroup& group : shard.groups) {
    const bool bound = whole || !group.matrix();
    EXPECT_EQ(static_cast<bool>(group.value), bound) << group.parts[0].name;
    for (const Parameter& part : group.parts) {
      EXPECT_EQ(static_cast<bool>(part.value), bound) << part.name;
      if (!bound) continue;
      EXPECT_EQ(part.value.shape, part.box.extent) << part.name;
    }
  }
  EXPECT_EQ(shard.store->values().count(), whole ? shard.store->size() : shard.store->shard_size());
}

TEST_P(ShardedStore, CountsTrueParametersOfTheUnshardedModelOnce) {
  for (const Index size : {1, 5}) {
    const Sharded shard(*test_.device, {0, size}, GetParam());
    EXPECT_EQ(shard.store->parameter_count(), 13 * 5 + 13 + 11 * 4 + 9 + 5);
  }
}

INSTANTIATE_TEST_SUITE_P(Residences, ShardedStore,
                         testing::Values(Residence::whole, Residence::shard),
                         [](const auto& residence) {
                           return residence.param == Residence::whole ? "Whole" : "Shard";
                         });

}  // namespace
}  // namespace tokenwerk
