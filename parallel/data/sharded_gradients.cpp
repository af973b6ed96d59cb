#include "parallel/data/sharded_gradients.h"

#include <utility>

#include "core/nn/layer.h"
#include "core/ops/elementwise.h"

namespace tokenwerk {

ShardedGradients::ShardedGradients(Stream& stream, const DataAxes& axes,
                                   const ParameterStore& store, const Units& units)
    : axes_(axes),
      store_(&store),
      units_(&units),
      shards_(store.device(), accumulation_type(store.dtype()), Shape{store.shard_size()}),
      written_(store.groups().size()),
      whole_(store.groups().size()),
      sink_(*this),
      completion_(units, store.groups().size()),
      stream_(axes.data->make_stream("gradients")) {
  fill(stream, shards_, 0.0);  // gaps
}

void ShardedGradients::begin(Index microbatches) {
  written_.assign(written_.size(), Write::overwrite);
  completion_.begin(microbatches);
}

void ShardedGradients::Sink::add(const Run& run, const ParameterGroup& group, Index rows,
                                 const Product& product) {
  if (!group.matrix()) {
    product(owner_->shard(group), {0, rows}, owner_->written_[at(group)]);
    owner_->written_[at(group)] = Write::accumulate;
    return;
  }
  Tensor& whole = owner_->whole_[at(group)];
  const Write write = whole ? Write::accumulate : Write::overwrite;
  if (!whole) {
    whole = Tensor(owner_->store_->device(), owner_->shards_.dtype(),
                   owner_->store_->padded_shape(group));
    fill(run.stream, ParameterStore::padding_of(whole, group), 0.0);
  }
  product(whole.view().slice_rows({0, group.rows()}), {0, rows}, write);
}

void ShardedGradients::added(Stream& stream, Index unit) {
  for (const ParameterGroup* group : (*units_)[static_cast<std::size_t>(unit)]) {
    const bool last = completion_.add(*group);
    if (group->matrix()) {
      scatter(stream, *group, last ? Place::last : Place::before_others);
    } else if (last) {
      if (group->sum_over_tensor) axes_.tensor->all_reduce(stream, shard(*group));
      stream_->wait_for(stream.record());
      axes_.data->all_reduce(*stream_, shard(*group));
    }
  }
  axes_.data->progress();
}

void ShardedGradients::scatter(Stream& stream, const ParameterGroup& group, Place place) {
  if (transfers_.size() == in_flight) land(stream);
  Tensor whole = std::move(whole_[at(group)]);
  if (group.sum_over_tensor) axes_.tensor->all_reduce(stream, whole);
  stream_->wait_for(stream.record());
  axes_.shard->reduce_scatter(*stream_, ParameterStore::shard_of(whole, group), whole);
  transfers_.push_back({&group, std::move(whole), stream_->record(), place});
}

void ShardedGradients::land(Stream& stream) {
  Transfer transfer = std::move(transfers_.front());
  transfers_.pop_front();
  const ParameterGroup& group = *transfer.group;
  stream.wait_for(transfer.scattered);
  const TensorView sum = shard(group);
  const TensorView summand = ParameterStore::shard_of(transfer.whole, group);
  if (written_[at(group)] == Write::overwrite) {
    convert(stream, sum, summand);
  } else {
    add(stream, sum, sum, summand);
  }
  written_[at(group)] = Write::accumulate;
  if (transfer.place != Place::last) return;
  stream_->wait_for(stream.record());
  axes_.replicate->all_reduce(*stream_, sum);
}

void ShardedGradients::finish(Stream& stream) {
  while (!transfers_.empty()) land(stream);
  stream.wait_for(stream_->record());
}

TensorView ShardedGradients::shard(const ParameterGroup& group) const {
  return ParameterStore::shard_window(shards_, group);
}

}  // namespace tokenwerk
