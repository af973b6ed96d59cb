#pragma once
/// A small set of parameters on a mesh of all ranks, for tests of gradients and weights that are
/// spread over the data axis.

#include <deque>
#include <optional>

#include "core/nn/parameter_store.h"
#include "parallel/data/gradient_sync.h"
#include "tests/support/mpi_test.h"

namespace tokenwerk::test {

/// Ranks of the mesh: tensor x shard x replicate.
struct Spread {
  Index tensor = 1;
  Index shard = 1;
};

class ShardedModel {
 public:
  ShardedModel(Spread spread, Residence residence)
      : mesh_({.replicate = world.size() / (spread.tensor * spread.shard),
               .shard = spread.shard,
               .tensor = spread.tensor},
              world.size()),
        data_(along(Axis::data)),
        replicate_(along(Axis::replicate)),
        shard_(along(Axis::shard)),
        tensor_(along(Axis::tensor)) {
    groups_[table].parts = {matrix("table", 7, 3)};
    groups_[table].padding_rows = 1;
    groups_[fused].parts = {matrix("q", 5, 4), matrix("k", 1, 4), matrix("v", 1, 4)};
    groups_[biases].parts = {vector("q.bias", 5), vector("k.bias", 1), vector("v.bias", 1)};
    groups_[norm].parts = {vector("norm", 6)};
    groups_[norm].sum_over_tensor = spread.tensor > 1;
    groups_[wide].parts = {matrix("wide", 13, 2)};
    std::vector<ParameterGroup*> pointers;
    for (ParameterGroup& group : groups_) pointers.push_back(&group);
    store.emplace(*world.device, pointers, Sharding{shard_->rank(), shard_->size()}, residence);
    // The tied table is used by the first unit and by the last.
    units = {{&groups_[table]},
             {&groups_[fused], &groups_[biases], &groups_[norm]},
             {&groups_[wide]},
             {&groups_[table]}};
  }

  [[nodiscard]] DataAxes axes() const {
    return {data_.get(), replicate_.get(), shard_.get(), tensor_.get()};
  }
  [[nodiscard]] Communicator& shard() const { return *shard_; }
  /// Ranks whose gradients of a group are one sum.
  [[nodiscard]] std::vector<Index> summed_ranks(const ParameterGroup& group) const {
    std::vector<Index> ranks;
    const Index tensor = mesh_.coordinates(world.rank()).tensor;
    for (Index rank = 0; rank < mesh_.ranks(); ++rank)
      if (group.sum_over_tensor || mesh_.coordinates(rank).tensor == tensor) ranks.push_back(rank);
    return ranks;
  }

  World world;
  Units units;
  std::optional<ParameterStore> store;

 private:
  enum Group : std::size_t { table, fused, biases, norm, wide, groups };

  static Parameter matrix(const std::string& name, Index rows, Index columns) {
    return {.name = name,
            .global_shape = {rows, columns},
            .box = Box::whole({rows, columns}),
            .initial = {.deviation = 0.02}};
  }
  static Parameter vector(const std::string& name, Index length) {
    return {.name = name, .global_shape = {length}, .box = Box::whole({length}), .initial = {}};
  }
  std::unique_ptr<Communicator> along(Axis axis) {
    return environment().make_communicator(*world.device, mesh_, axis);
  }

  Mesh mesh_;
  std::unique_ptr<Communicator> data_, replicate_, shard_, tensor_;
  std::deque<ParameterGroup> groups_{groups};
};

/// Calls visit(spread) for every tensor and shard degree that divides the ranks.
template <typename Visit>
void for_each_spread(const Visit& visit) {
  const Index ranks = environment().size();
  for (const Index tensor : {1, 2})
    for (Index shard = 1; shard * tensor <= ranks; ++shard)
      if (ranks % (tensor * shard) == 0) visit(Spread{tensor, shard});
}

}  // namespace tokenwerk::test
