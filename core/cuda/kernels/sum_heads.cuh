#pragma once
/// The gradients of keys and values that several query heads share.

#include "core/cuda/kernels/attention.h"
#include "core/cuda/kernels/map.cuh"

namespace tokenwerk::cuda {

/// Sums the gradients of the query heads that share a key head: the heads of a run in their order,
/// the runs, as many as the largest power of two that divides the group, by a tree.
template <typename T, typename A>
struct SumHeads {
  Rows<T> to;
  Rows<const A> from;
  Index group, heads_of_run, head_size;
  template <int>
  __device__ void run(Index row, Index column) const {
    const Split at(column, head_size);
    const A* const first = from.at(row, at.quotient * group * head_size + at.remainder);
    Tree<A> tree;
    for (Index head = 0; head < group; head += heads_of_run) {
      A sum = first[head * head_size];
      for (Index next = head + 1; next < head + heads_of_run; ++next)
        sum += first[next * head_size];
      tree.add(sum, Plus{});
    }
    *to.at(row, column) = rounded<T>(tree.total(Plus{}));
  }
};

/// to(rows, kv_heads * D) from the gradients of each query head, from(rows, H * D).
template <typename A>
cudaError_t sum_heads(cudaStream_t stream, const Array& to, const ConstArray& from,
                      const AttentionExtents& e) {
  const Index group = e.heads / e.kv_heads;
  const Index run = group / (group & -group);
  return with_type(to.dtype, [&]<typename T>(T) {
    return map<1>(stream, to.rows, to.columns, true,
                  SumHeads<T, A>{rows_of<T>(to), rows_of<A>(from), group, run, e.head_size});
  });
}

}  // namespace tokenwerk::cuda
