#include "parallel/data/sharded_values.h"

#include <utility>

namespace tokenwerk {

ShardedValues::ShardedValues(Communicator& shard, const ParameterStore& store, const Units& units,
                             std::vector<UnitOrder> order, Gathered gathered)
    : shard_(&shard),
      store_(&store),
      units_(&units),
      order_(std::move(order)),
      gathered_(gathered),
      weights_(store.groups().size()),
      registered_(store.residence() == Residence::whole ? shard.register_buffer(store.values())
                                                        : nullptr),
      stream_(shard.make_stream("weights")) {}

void ShardedValues::gather(Stream& stream, ParameterGroup& group) {
  Weights& weights = weights_[at(group)];
  if (!group.matrix() || weights.whole) return;
  weights.whole = Tensor(store_->device(), store_->dtype(), store_->padded_shape(group));
  stream_->wait_for(stream.record());
  shard_->all_gather(*stream_, weights.whole, store_->shard_values(group));
  weights.ready = stream_->record();
}

void ShardedValues::before(Stream& stream, Index unit, Direction direction) {
  const bool sharded = store_->residence() == Residence::shard;
  const auto& groups = (*units_)[static_cast<std::size_t>(unit)];
  if (sharded) {
    for (ParameterGroup* group : groups) gather(stream, *group);
    const UnitOrder& order = order_[static_cast<std::size_t>(unit)];
    const Index next = direction == Direction::forward ? order.forward : order.backward;
    if (next >= 0) {
      for (ParameterGroup* group : (*units_)[static_cast<std::size_t>(next)])
        gather(stream, *group);
    }
  }
  for (ParameterGroup* group : groups) {
    Weights& weights = weights_[at(*group)];
    stream.wait_for(weights.ready);
    if (weights.whole && !group->value) ParameterStore::bind(*group, weights.whole);
  }
}

void ShardedValues::after(Index unit) {
  if (store_->residence() == Residence::whole || gathered_ == Gathered::until_updated) return;
  for (ParameterGroup* group : (*units_)[static_cast<std::size_t>(unit)]) {
    if (!group->matrix()) continue;
    ParameterStore::bind(*group, {});
    weights_[at(*group)] = {};
  }
}

void ShardedValues::updated(Stream& stream) {
  stream_->wait_for(stream.record());
  for (ParameterGroup* group : store_->groups()) {
    if (!group->matrix()) continue;
    Weights& weights = weights_[at(*group)];
    if (store_->residence() == Residence::shard) {
      ParameterStore::bind(*group, {});
      weights = {};
    } else {
      shard_->all_gather(*stream_, store_->padded_window(store_->values(), *group),
                         store_->shard_values(*group));
      weights.ready = stream_->record();
    }
  }
}

void ShardedValues::wait(Stream& stream) { stream.wait_for(stream_->record()); }

}  // namespace tokenwerk
