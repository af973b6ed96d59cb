#include "parallel/data/ordered_gradients.h"

#include <algorithm>
#include <utility>

#include "core/nn/layer.h"
#include "core/ops/elementwise.h"

namespace tokenwerk {
namespace {

constexpr Index token_chunks = Matmul::most_chunks;

/// Joins two sums of one shape: the left one becomes both.
auto joining(Stream& stream) {
  return
      [&stream](auto& left, const auto& right) { add(stream, left.view, left.view, right.view); };
}

}  // namespace

OrderedGradients::OrderedGradients(Stream& stream, const DataAxes& axes,
                                   const ParameterStore& store, const Units& units,
                                   Index global_batch)
    : axes_(axes),
      store_(&store),
      units_(&units),
      tree_(global_batch),
      shards_(store.device(), accumulation_type(store.dtype()), Shape{store.shard_size()}),
      sink_(*this),
      completion_(units, store.groups().size()) {
  fill(stream, shards_, 0.0);  // gaps
  const Index ranks = axes.data->size(), each = global_batch / ranks;
  for (Index rank = 0; rank < ranks; ++rank)
    nodes_of_rank_.push_back(cover(tree_, rank * each, (rank + 1) * each));
}

void OrderedGradients::begin(Index microbatches) {
  sums_.clear();
  completion_.begin(microbatches);
}

void OrderedGradients::Sink::add(const Run& run, const ParameterGroup& group, Index rows,
                                 const Product& product) {
  if (group.by_token_chunks) return owner_->add_token_chunks(run, group, rows, product);
  owner_->add_sequences(run, group, product);
}

void OrderedGradients::add_sequences(const Run& run, const ParameterGroup& group,
                                     const GradientSink::Product& product) {
  const Index length = run.rows_per_sequence;
  for (Index s = 0; s < run.rows / length; ++s) {
    Tensor leaf(store_->device(), shards_.dtype(), store_->padded_shape(group));
    TensorView rows = leaf;
    if (group.matrix()) {
      fill(run.stream, ParameterStore::padding_of(leaf, group), 0.0);
      rows = leaf.view().slice_rows({0, group.rows()});
    }
    product(rows, {s * length, (s + 1) * length}, Write::overwrite);
    add_leaf(run, group, s, std::move(leaf));
  }
}

void OrderedGradients::add_token_chunks(const Run& run, const ParameterGroup& group, Index rows,
                                        const GradientSink::Product& product) {
  const Index length = run.rows_per_sequence, sequences = run.rows / length;
  const Index chunks = sequences * token_chunks, count = group.rows();
  const bool sliced = group.sum_over_tensor;
  const Index rank = sliced ? axes_.tensor->rank() : 0, ranks = sliced ? axes_.tensor->size() : 1;
  const Tensor parts(store_->device(), shards_.dtype(), Shape{chunks, count});
  const auto chunk = [&](Index i) {
    return elements_of(parts.view(), {i * count, (i + 1) * count});
  };
  const auto row_of = [&](Index i) {
    return i / token_chunks * length + i % token_chunks * length / token_chunks;
  };
  for (Index i = chunks * rank / ranks; i < chunks * (rank + 1) / ranks; ++i) {
    const Rows here{row_of(i) - rank * rows, row_of(i + 1) - rank * rows};
    if (here.count() == 0) {
      fill(run.stream, chunk(i), 0.0);
    } else {
      product(chunk(i), here, Write::overwrite);
    }
  }
  if (sliced) {
    const Index mine = chunks / ranks;
    axes_.tensor->all_gather(run.stream, parts,
                             parts.view().slice_rows({mine * rank, mine * (rank + 1)}));
  }
  for (Index s = 0; s < sequences; ++s) {
    for (Index step = 1; step < token_chunks; step *= 2) {
      for (Index i = s * token_chunks; i < (s + 1) * token_chunks; i += 2 * step)
        tokenwerk::add(run.stream, chunk(i), chunk(i), chunk(i + step));
    }
    Tensor leaf(store_->device(), shards_.dtype(), Shape{count});
    convert(run.stream, leaf, chunk(s * token_chunks));
    add_leaf(run, group, s, std::move(leaf));
  }
}

void OrderedGradients::add_leaf(const Run& run, const ParameterGroup& group, Index sequence,
                                Tensor gradient) {
  Sums& sums = sums_.try_emplace({group.index, run.unit}, tree_).first->second;
  sums.add(
      {0, run.first_sequence + sequence}, std::move(gradient),
      [&](Tensor& left, const Tensor& right) { tokenwerk::add(run.stream, left, left, right); });
}

void OrderedGradients::added(Stream& stream, Index unit) {
  for (const ParameterGroup* group : (*units_)[static_cast<std::size_t>(unit)])
    if (completion_.add(*group)) reduce(stream, *group);
}

Index OrderedGradients::padded_count(const ParameterGroup& group) const {
  return store_->padded_shape(group).count();
}

Index OrderedGradients::longest_slice(const ParameterGroup& group) const {
  const Index ranks = group.matrix() ? axes_.replicate->size() : axes_.data->size();
  const Index shard = padded_count(group) / (group.matrix() ? axes_.shard->size() : 1);
  return (shard + ranks - 1) / ranks;
}

Rows OrderedGradients::slice_of(const ParameterGroup& group, Index data_rank) const {
  const Index most = longest_slice(group), shards = group.matrix() ? axes_.shard->size() : 1;
  const Index shard = padded_count(group) / shards;
  const Index first = data_rank % shards * shard, place = data_rank / shards;
  return {first + std::min(place * most, shard), first + std::min((place + 1) * most, shard)};
}

OrderedGradients::Slice OrderedGradients::root_slice(Stream& stream, const ParameterGroup& group,
                                                     Sums& mine) {
  Communicator& data = *axes_.data;
  const Rows here = slice_of(group, data.rank());
  TreeSums<Slice> all(tree_);
  std::vector<TensorView> nodes;
  for (auto& [node, sum] : mine.nodes()) nodes.push_back(sum);
  for (int distance = 1; distance < data.size(); ++distance) {
    const int to = (data.rank() + distance) % data.size();
    const int from = (data.rank() + data.size() - distance) % data.size();
    const Rows theirs = slice_of(group, to);
    const auto& incoming = nodes_of_rank_[static_cast<std::size_t>(from)];
    for (std::size_t i = 0; i < std::max(nodes.size(), incoming.size()); ++i) {
      Exchange exchange;
      Tensor received;
      if (i < nodes.size()) {
        exchange.send = elements_of(nodes[i], theirs);
        exchange.to = to;
      }
      if (i < incoming.size()) {
        received = Tensor(store_->device(), shards_.dtype(), Shape{here.count()});
        exchange.receive = received;
        exchange.from = from;
      }
      data.exchange(stream, exchange);
      if (!received) continue;
      const TensorView view = received;
      all.add(incoming[i], {view, std::move(received)}, joining(stream));
    }
  }
  // What is ours comes last: its slice is summed in place, after the others were sent.
  for (auto& [node, sum] : mine.nodes()) {
    const TensorView view = elements_of(sum.view(), here);
    all.add(node, {view, std::move(sum)}, joining(stream));
  }
  return std::move(all.nodes().at(tree_.root()));
}

void OrderedGradients::reduce(Stream& stream, const ParameterGroup& group) {
  std::vector<Slice> uses;
  for (auto use = sums_.lower_bound({group.index, 0});
       use != sums_.end() && use->first.group == group.index; use = sums_.erase(use))
    uses.push_back(root_slice(stream, group, use->second));
  for (std::size_t i = 1; i < uses.size(); ++i)
    add(stream, uses[0].view, uses[0].view, uses[i].view);
  gather(stream, group, uses[0].view);
}

void OrderedGradients::gather(Stream& stream, const ParameterGroup& group, TensorView slice) {
  Communicator& ranks = group.matrix() ? *axes_.replicate : *axes_.data;
  const Index most = longest_slice(group);
  const TensorView shard_here = shard(group);
  const Tensor whole(store_->device(), shards_.dtype(), Shape{most * ranks.size()});
  const TensorView mine =
      elements_of(whole.view(), {most * ranks.rank(), most * (ranks.rank() + 1)});
  convert(stream, elements_of(mine, {0, slice.count()}), slice);
  fill(stream, elements_of(mine, {slice.count(), most}), 0.0);
  ranks.all_gather(stream, whole, mine);
  const Rows all{0, shard_here.count()};
  convert(stream, elements_of(shard_here, all), elements_of(whole.view(), all));
}

TensorView OrderedGradients::shard(const ParameterGroup& group) const {
  return ParameterStore::shard_window(shards_, group);
}

}  // namespace tokenwerk
