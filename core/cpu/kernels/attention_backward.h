#pragma once
/// The backward pass of attention: kernels/attention.cpp's, in a file of its own.

#include "core/cpu/kernels/attention_blocks.h"
#include "core/cpu/kernels/dispatch.h"

namespace tokenwerk::cpu::TW_ISA {

/// Scratch of one call of backward: keys and values for all query heads, their gradients for each
/// level of the tree over the runs of heads; the rest belongs to one block of queries.
template <typename A>
struct BackwardScratch {
  BackwardScratch(Scratch<A> from, Index width, Index keys_seen, Index group)
      : keys(from.take(keys_seen * width)),
        values(from.take(keys_seen * width)),
        level_size(2 * keys_seen * width),
        heads_of_run(attention_run_heads(group)),
        levels(from.take(attention_tree_levels(group) * level_size)),
        q(from.take(block * width)),
        q_transposed(from.take(block * width)),
        dout(from.take(block * width)),
        dout_transposed(from.take(block * width)),
        dq(from.take(block * width)),
        probabilities(from.take(block * block)),
        dscores(from.take(block * block)) {}

  /// The gradients from now on belong to this query head. A run's heads share one sum, which ends
  /// at that level: so many sums of earlier runs wait to be added to it.
  void start_head(Index head) {
    if (head % heads_of_run != 0) return;
    level_ = __builtin_ctzll(~static_cast<unsigned long long>(head / heads_of_run));
    dkeys = levels + level_ * level_size;
    dvalues = dkeys + level_size / 2;
    for (Index i = 0; i < level_size; ++i) dkeys[i] = A{};  // and dvalues, which follow
  }
  /// The last run's sum is that of the group, whose runs are a power of two.
  void end_head(Index head) {
    if ((head + 1) % heads_of_run != 0) return;
    for (Index earlier = 0; earlier < level_; ++earlier) add(dkeys, levels + earlier * level_size);
  }

  A *keys, *values;
  A *dkeys, *dvalues;
  Index level_size;
  Index heads_of_run;
  A* levels;
  A *q, *q_transposed, *dout, *dout_transposed, *dq;
  A *probabilities, *dscores;
  A stats[block] = {};
  A delta[block] = {};  ///< sum over a row of dout * o

 private:
  void add(A* sums, const A* others) const {
    for (Index i = 0; i < level_size; i += lanes)
      store(sums + i, load(others + i) + load(sums + i));
  }

  Index level_ = 0;
};

/// Turns scores into probabilities, and the products dout . v in dscores into the gradient of the
/// scores: p * (dout . v - delta).
template <typename A>
void differentiate(const CausalBlock& at, BackwardScratch<A>& s) {
  for (Index j = 0; j < at.keys; ++j) {
    const Index first = at.first_lane(j / lanes * lanes);
    for (Index lane = first; lane < at.queries; lane += width_of<A>) {
      A* p = s.probabilities + j * block + lane;
      A* ds = s.dscores + j * block + lane;
      Register<A> probability =
          math::exp_of_negative(load_register(p) - load_register(s.stats + lane));
      const Index hidden = at.hidden(j, lane);
      if (hidden > 0) probability = hide<A>(probability, hidden, A{});
      store_register(p, probability);
      store_register(ds, probability * (load_register(ds) - load_register(s.delta + lane)));
    }
  }
}

/// dv += p^T dout, dk += ds^T q, dq += ds k for one block.
template <typename A>
void add_gradients(const CausalBlock& at, Index width, BackwardScratch<A>& s) {
  const Index row_step = at.whole() ? at.keys : lanes;
  for (Index j = 0; j < at.keys; j += row_step) {
    const Index lane = at.first_lane(j), rows = smaller(row_step, at.keys - j);
    const Index from = (at.key + j) * width;
    multiply<A>(s.dvalues + from, width, rows, width,
                {s.probabilities + j * block + lane, block, 1}, s.dout + lane * width, width,
                at.queries - lane, Start::result);
    multiply<A>(s.dkeys + from, width, rows, width, {s.dscores + j * block + lane, block, 1},
                s.q + lane * width, width, at.queries - lane, Start::result);
  }
  const Index step = at.whole() ? at.queries : lanes;
  for (Index i = 0; i < at.queries; i += step) {
    multiply<A>(s.dq + i * width, width, smaller(step, at.queries - i), width,
                {s.dscores + i, 1, block}, s.keys + at.key * width, width, at.rows_seen(i + step),
                at.key == 0 ? Start::zero : Start::result);
  }
}

/// Packs a block of queries of one head with their output's gradient.
template <typename T, typename A = Accumulator<T>>
void load_block(const AttentionTask& task, Index head, Index first, Index queries,
                BackwardScratch<A>& s) {
  const Index size = task.head_size, width = padded_head_size(size), column = head * size;
  pack(s.q, width, row_of<T>(task.q, first, column), task.q.stride, queries, size,
       static_cast<A>(task.scale));
  pack(s.dout, width, row_of<T>(task.dout, first, column), task.dout.stride, queries, size, A{1});
  transpose(s.q_transposed, s.q, width, queries, size);
  transpose(s.dout_transposed, s.dout, width, queries, size);
  const A* stats = static_cast<const A*>(task.stats_read) + head * task.query_length + first;
  for (Index i = 0; i < queries; ++i) {
    const T* o = row_of<T>(task.o_read, first + i, column);
    Lanes<A> products{};
    for_lanes(size, [&](Index c, auto n) {
      products += load(s.dout + i * width + c) * load_first(o + c, n);
    });
    s.delta[i] = sum_of(products);
    s.stats[i] = stats[i];
  }
}

/// dk or dv from its sums; rows that no query sees become zero.
template <typename A>
void store_key_gradients(const AttentionTask& task, const AttentionRows& out, const A* sums,
                         Index seen) {
  const Index size = task.head_size;
  for_type(task.key_gradient_dtype, [&]<typename T>(T) {
    if constexpr (sizeof(Accumulator<T>) == sizeof(A)) {
      unpack(row_of<T>(out, 0, 0), out.stride, sums, padded_head_size(size), seen, size,
             [](Index) { return A{1}; });
      for (Index r = seen; r < task.key_rows; ++r)
        __builtin_memset(row_of<T>(out, r, 0), 0, static_cast<std::size_t>(size) * sizeof(T));
    }
  });
}

/// All that one query head adds to the gradients.
template <typename T, typename A = Accumulator<T>>
void backward_head(const AttentionTask& task, Index head, BackwardScratch<A>& s) {
  const Index size = task.head_size, width = padded_head_size(size);
  for (Index first = 0; first < task.query_length; first += block) {
    const Index queries = smaller(block, task.query_length - first);
    load_block<T>(task, head, first, queries, s);
    const Index position = task.query_offset + first;
    for (Index key = 0; key < position + queries; key += block) {
      const CausalBlock at{position, key, queries, smaller(block, position + queries - key)};
      multiply_seen(at, s.probabilities, s.keys + key * width, width, s.q_transposed, size);
      multiply_seen(at, s.dscores, s.values + key * width, width, s.dout_transposed, size);
      differentiate(at, s);
      add_gradients(at, width, s);
    }
    unpack(row_of<T>(task.dq, first, head * size), task.dq.stride, s.dq, width, queries, size,
           [&](Index) { return task.scale; });
  }
}

template <typename T, typename A = Accumulator<T>>
void backward_typed(const AttentionTask& task) {
  const Index size = task.head_size, width = padded_head_size(size);
  const Index seen = task.query_offset + task.query_length;
  BackwardScratch<A> s(Scratch<A>{static_cast<A*>(task.scratch)}, width, seen, task.group);
  pack(s.keys, width, row_of<T>(task.k, 0, 0), task.k.stride, seen, size, A{1});
  pack(s.values, width, row_of<T>(task.v, 0, 0), task.v.stride, seen, size, A{1});
  for (Index head = 0; head < task.group; ++head) {
    s.start_head(head);
    backward_head<T>(task, head, s);
    s.end_head(head);
  }
  store_key_gradients(task, task.dk, s.dkeys, seen);
  store_key_gradients(task, task.dv, s.dvalues, seen);
}

}  // namespace tokenwerk::cpu::TW_ISA
