#include "parallel/data/whole_gradients.h"

#include <utility>

#include "core/ops/elementwise.h"

namespace tokenwerk {
namespace {

/// A flat array for the gradients of all groups. Gaps and padding stay zero.
Tensor flat_gradients(Stream& stream, const ParameterStore& store) {
  Tensor flat(store.device(), accumulation_type(store.dtype()), Shape{store.size()});
  fill(stream, flat, 0.0);
  return flat;
}

}  // namespace

AllReducedGradients::AllReducedGradients(Stream& stream, const DataAxes& axes,
                                         const ParameterStore& store, const Units& units)
    : axes_(axes),
      units_(&units),
      gradients_(flat_gradients(stream, store)),
      sink_(store, gradients_),
      reducer_(*axes.data, store, gradients_),
      completion_(units, store.groups().size()) {}

void AllReducedGradients::begin(Index microbatches) {
  sink_.begin();
  completion_.begin(microbatches);
}

void AllReducedGradients::added(Stream& stream, Index unit) {
  for (const ParameterGroup* group : (*units_)[static_cast<std::size_t>(unit)]) {
    if (!completion_.add(*group)) continue;
    if (group->sum_over_tensor)
      axes_.tensor->all_reduce(stream, ParameterStore::window(gradients_, *group));
    reducer_.mark_ready(stream, *group);
  }
}

TensorView AllReducedGradients::shard(const ParameterGroup& group) const {
  return ParameterStore::window(gradients_, group);
}

ScatteredGradients::ScatteredGradients(Stream& stream, const DataAxes& axes,
                                       const ParameterStore& store, const Units& units)
    : axes_(axes),
      store_(&store),
      units_(&units),
      gradients_(flat_gradients(stream, store)),
      sink_(store, gradients_),
      completion_(units, store.groups().size()),
      registered_(axes.shard->register_buffer(gradients_)),
      stream_(axes.data->make_stream("gradients")) {}

void ScatteredGradients::begin(Index microbatches) {
  sink_.begin();
  completion_.begin(microbatches);
}

void ScatteredGradients::added(Stream& stream, Index unit) {
  for (const ParameterGroup* group : (*units_)[static_cast<std::size_t>(unit)]) {
    if (!completion_.add(*group)) continue;
    const TensorView whole = store_->padded_window(gradients_, *group);
    fill(stream, ParameterStore::padding_of(whole, *group), 0.0);  // it has been workspace
    if (group->sum_over_tensor) axes_.tensor->all_reduce(stream, whole);
    stream_->wait_for(stream.record());
    if (group->matrix()) {
      axes_.shard->reduce_scatter(*stream_, shard(*group), whole);
      axes_.replicate->all_reduce(*stream_, shard(*group));
    } else {
      axes_.data->all_reduce(*stream_, whole);
    }
  }
  axes_.data->progress();
}

void ScatteredGradients::finish(Stream& stream) { stream.wait_for(stream_->record()); }

TensorView ScatteredGradients::shard(const ParameterGroup& group) const {
  return ParameterStore::shard_of(store_->padded_window(gradients_, group), group);
}

}  // namespace tokenwerk
