#include "core/cpu/kernels/attention.h"

#include "core/cpu/kernels/attention_backward.h"
#include "core/cpu/kernels/attention_blocks.h"
#include "core/cpu/kernels/dispatch.h"

namespace tokenwerk::cpu::TW_ISA {
namespace {

/// Running maximum and sum of the softmax of a block of queries, and the factor that the last step
/// put on what was summed before.
template <typename A>
struct OnlineSoftmax {
  A maximum[block];
  A sum[block];
  A factor[block];

  void start() {
    for (Index i = 0; i < block; ++i) {
      maximum[i] = lowest();
      sum[i] = 0;
    }
  }

  /// scores(keys, queries) become probabilities that still lack the division by the sum.
  void step(const CausalBlock& at, A* scores) {
    for (Index lane = 0; lane < round_up(at.queries); lane += width_of<A>) {
      const Index rows = at.rows_seen(lane / lanes * lanes + lanes);  // all that are computed
      const Register<A> before = load_register(maximum + lane);
      const Register<A> top = max_of_rows(at, scores, lane, rows, before);
      const Register<A> scaled = math::exp_of_negative(before - top);
      Register<A> total{};
      for (Index j = 0; j < rows; ++j) {
        A* p = scores + j * block + lane;
        const Register<A> probability = math::exp_of_negative(load_register(p) - top);
        store_register(p, probability);
        total += probability;
      }
      store_register(maximum + lane, top);
      store_register(factor + lane, scaled);
      store_register(sum + lane, load_register(sum + lane) * scaled + total);
    }
  }

 private:
  /// Also hides what lies behind the diagonal.
  static Register<A> max_of_rows(const CausalBlock& at, A* scores, Index lane, Index rows,
                                 Register<A> top) {
    const Index open = at.rows_seen(lane + 1);   // rows that every lane sees
    Register<A> tops[4] = {top, top, top, top};  // four chains hide the latency
    Index j = 0;
    for (; j + 4 <= open; j += 4) {
      for (Index k = 0; k < 4; ++k)
        tops[k] = max(tops[k], load_register(scores + (j + k) * block + lane));
    }
    for (; j < rows; ++j) {
      A* p = scores + j * block + lane;
      if (j >= open) store_register(p, hide<A>(load_register(p), at.hidden(j, lane), lowest()));
      tops[0] = max(tops[0], load_register(p));
    }
    return max(max(tops[0], tops[1]), max(tops[2], tops[3]));
  }
  static A lowest() { return -__builtin_inff(); }
};

/// sums(queries, width) = factor * sums + probabilities^T values.
template <typename A>
void add_values(const CausalBlock& at, A* sums, Index width, const A* factor,
                const A* probabilities, const A* values) {
  const Start start = at.key == 0 ? Start::zero : Start::result;
  for (Index i = 0; start == Start::result && i < at.queries; ++i) {
    const Register<A> scaled = fill_register(factor[i]);
    for (Index c = 0; c < width; c += width_of<A>)
      store_register(sums + i * width + c, load_register(sums + i * width + c) * scaled);
  }
  const Index step = at.whole() ? at.queries : lanes;
  for (Index i = 0; i < at.queries; i += step) {
    multiply<A>(sums + i * width, width, smaller(step, at.queries - i), width,
                {probabilities + i, 1, block}, values, width, at.rows_seen(i + step), start);
  }
}

/// One block of queries of one head.
template <typename T, typename A = Accumulator<T>>
void forward_block(const AttentionTask& task, Index head, Index first, Index queries, const A* keys,
                   const A* values, Scratch<A> scratch) {
  const Index width = padded_head_size(task.head_size), column = head * task.head_size;
  A* q = scratch.take(block * width);
  A* sums = scratch.take(block * width);
  A* scores = scratch.take(block * block);
  pack(sums, width, row_of<T>(task.q, first, column), task.q.stride, queries, task.head_size,
       static_cast<A>(task.scale));
  transpose(q, sums, width, queries, task.head_size);

  OnlineSoftmax<A> softmax;
  softmax.start();
  const Index position = task.query_offset + first;
  const Index seen = position + queries;
  for (Index key = 0; key < seen; key += block) {
    const CausalBlock at{position, key, queries, smaller(block, seen - key)};
    multiply_seen(at, scores, keys + key * width, width, q, task.head_size);
    softmax.step(at, scores);
    add_values(at, sums, width, softmax.factor, scores, values + key * width);
  }
  unpack(row_of<T>(task.o, first, column), task.o.stride, sums, width, queries, task.head_size,
         [&](Index i) { return A{1} / softmax.sum[i]; });
  A* stats = static_cast<A*>(task.stats) + head * task.query_length + first;
  for_lanes(queries, [&](Index i, auto n) {
    store_first(stats + i, load(softmax.maximum + i) + log(load(softmax.sum + i)), n);
  });
}

template <typename T, typename A = Accumulator<T>>
void forward_typed(const AttentionTask& task, Index first, Index last) {
  const Index width = padded_head_size(task.head_size), seen = task.query_offset + last;
  Scratch<A> scratch{static_cast<A*>(task.scratch)};
  A* keys = scratch.take(seen * width);
  A* values = scratch.take(seen * width);
  pack(keys, width, row_of<T>(task.k, 0, 0), task.k.stride, seen, task.head_size, A{1});
  pack(values, width, row_of<T>(task.v, 0, 0), task.v.stride, seen, task.head_size, A{1});
  for (Index head = 0; head < task.group; ++head) {
    for (Index i = first; i < last; i += block)
      forward_block<T>(task, head, i, smaller(block, last - i), keys, values, scratch);
  }
}

void forward(const AttentionTask& task, Index first, Index last) {
  for_type(task.dtype, [&]<typename T>(T) { forward_typed<T>(task, first, last); });
}
void backward(const AttentionTask& task) {
  for_type(task.dtype, [&]<typename T>(T) { backward_typed<T>(task); });
}

}  // namespace

extern const AttentionKernels attention_kernels;
const AttentionKernels attention_kernels = {forward, backward};

}  // namespace tokenwerk::cpu::TW_ISA
