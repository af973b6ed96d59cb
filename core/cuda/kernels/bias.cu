#include "core/cuda/kernels/bias.h"

#include "core/cuda/kernels/columns.cuh"

namespace tokenwerk::cuda {
namespace {

template <typename T>
struct BiasTerm {
  Rows<const T> dy;
  Index columns;
  bool aligned;

  template <typename A, int n>
  __device__ __forceinline__ void add(A (&total)[1][n], Index row, Index column) const {
    const auto d = load_part<n>(dy.at(row, column), columns - column, aligned);
    for (int i = 0; i < n; ++i) total[0][i] += widened<A>(d.values[i]);
  }
};

}  // namespace

cudaError_t bias_backward(cudaStream_t stream, Array dbias, Array partials, ConstArray dy,
                          Write write) {
  return with_type(dy.dtype, [&]<typename T>(T) {
    constexpr int n = pack_size<T>;
    using A = Accumulator<T>;
    return sum_columns<T, 1, n>(stream, ColumnSums<A>{{static_cast<A*>(dbias.data), nullptr}},
                                partials,
                                BiasTerm<T>{rows_of<T>(dy), dy.columns, rows_aligned<n, T>(dy)},
                                dy.rows, dy.columns, write);
  });
}

}  // namespace tokenwerk::cuda
