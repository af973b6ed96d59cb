#include "core/cuda/kernels/loss.h"

#include <cmath>

#include "core/cuda/kernels/map.cuh"

namespace tokenwerk::cuda {
namespace {

constexpr int loss_threads = 256;

/// log of a sum of exponentials on the way: sum * exp(top).
template <typename A>
struct LogSum {
  A top, sum;

  __device__ bool empty() const { return top == static_cast<A>(-INFINITY); }
  __device__ A log_of() const { return empty() ? top : top + log(sum); }
};

/// log(exp(a) + exp(b)); minus infinity counts as no term.
struct LogAdd {
  template <typename A>
  __device__ A operator()(A a, A b) const {
    const A top = a < b ? b : a, other = a < b ? a : b;
    return other == static_cast<A>(-INFINITY) ? top : top + log(A{1} + exp(other - top));
  }
};

/// Of a run of logits, by a block, in an order that the run's length alone decides. Each logit is
/// read once: sums are scaled when a larger one comes.
template <typename A>
__device__ LogSum<A> log_sum(const A* x, Index count) {
  constexpr int n = pack_size<A>;
  const bool aligned = starts_aligned<n>(x);
  LogSum<A> own{static_cast<A>(-INFINITY), A{}};
#pragma unroll 4
  for (Index first = static_cast<Index>(threadIdx.x) * n; first < count;
       first += static_cast<Index>(loss_threads) * n) {
    const auto v = load_part<n>(x + first, count - first, aligned);
    A top = own.top;
    for (int i = 0; i < n; ++i)
      if (first + i < count) top = Greater{}(v.values[i], top);
    if (top > own.top) own.sum *= exp(own.top - top);
    own.top = top;
    for (int i = 0; i < n; ++i) {
      // A row of which nothing counts so far would give NaN.
      if (first + i < count && v.values[i] != static_cast<A>(-INFINITY))
        own.sum += exp(v.values[i] - top);
    }
  }
  const A top = reduce_block<loss_threads>(own.top, Greater{});
  own.sum = own.empty() ? A{} : own.sum * exp(own.top - top);
  return {top, reduce_block<loss_threads>(own.sum, Plus{})};
}

template <typename A>
__global__ void __launch_bounds__(loss_threads)
    forward_kernel(A* loss, A* lse, Rows<const A> logits, const std::int32_t* targets,
                   Index vocabulary) {
  const Index row = blockIdx.x;
  const A* const x = logits.at(row, 0);
  const LogSum<A> sum = log_sum(x, vocabulary);
  if (threadIdx.x != 0) return;
  const std::int32_t target = targets[row];
  const A log_of_sum = log(sum.sum);
  lse[row] = sum.top + log_of_sum;
  loss[row] = target < 0 ? A{} : (sum.top - x[target]) + log_of_sum;
}

template <typename A>
__global__ void __launch_bounds__(loss_threads)
    share_kernel(Rows<A> partial, Rows<const A> logits, const std::int32_t* targets, Index columns,
                 LossColumns share) {
  const Index row = blockIdx.x;
  const A* const x = logits.at(row, 0);
  const Index rest = share.vocabulary - share.first_column;
  const Index counted = rest < 0 ? 0 : rest < columns ? rest : columns;
  const auto start = [&](Index chunk) {
    const Index column = chunk * columns / share.chunks;
    return column < counted ? column : counted;
  };
  Tree<A> tree;
  for (Index chunk = 0; chunk < share.chunks; ++chunk) {
    const Index first = start(chunk);
    tree.add(log_sum(x + first, start(chunk + 1) - first).log_of(), LogAdd{});
  }
  if (threadIdx.x != 0) return;
  const Index target = targets[row] - share.first_column;
  const bool here = targets[row] >= 0 && target >= 0 && target < counted;
  *partial.at(row, 0) = tree.total(LogAdd{});
  *partial.at(row, 1) = here ? x[target] : A{};
}

template <typename A>
__global__ void __launch_bounds__(map_threads)
    combine_kernel(A* loss, A* lse, Rows<const A> partials, const std::int32_t* targets, Index rows,
                   Index shares, bool aligned) {
  const Index row = static_cast<Index>(blockIdx.x) * map_threads + threadIdx.x;
  if (row >= rows) return;
  Tree<A> tree;
  A target{};  // all but one share have zero
  for (Index share = 0; share < shares; ++share) {
    const auto partial = load_part<2>(partials.at(share * rows + row, 0), 2, aligned);
    tree.add(partial.values[0], LogAdd{});
    target += partial.values[1];
  }
  const A all = tree.total(LogAdd{});
  lse[row] = all;
  loss[row] = targets[row] < 0 ? A{} : all - target;
}

/// The gradient of one row: what lies before `counted` columns, zeros behind.
template <typename T>
struct BackwardRow {
  using A = Accumulator<T>;
  T* to;
  const A* from;
  Index counted, target;
  A lse, factor;

  template <int n>
  __device__ void run(Index column) const {
    Pack<T, n> out{};
    if (column < counted) {
      const auto x = load<n>(from + column);
      for (int i = 0; i < n; ++i) {
        const A p = exp(x.values[i] - lse);
        const A d = (column + i == target ? p - A{1} : p) * factor;
        out.values[i] = rounded<T>(column + i < counted ? d : A{});
      }
    }
    store(to + column, out);
  }
};

/// T is the gradient's type; logits may be its sums'.
template <typename T>
struct Backward {
  using A = Accumulator<T>;
  Rows<T> dlogits;
  Rows<const A> logits;
  const A* lse;
  const std::int32_t* targets;
  Index columns, vocabulary, first_column;
  A factor;

  __device__ BackwardRow<T> row(Index r) const {
    const Index rest = vocabulary - first_column, counted = rest < columns ? rest : columns;
    const std::int32_t target = targets[r];
    return {dlogits.at(r, 0),      logits.at(r, 0), target < 0 ? 0 : counted,
            target - first_column, lse[r],          factor};
  }
};

/// Calls body with the logits' type.
template <typename Body>
cudaError_t with_logits(DType dtype, const Body& body) {
  return dtype == DType::f64 ? body(double{}) : body(float{});
}

template <typename T>
T* elements(const Array& x) {
  return static_cast<T*>(x.data);
}
template <typename T>
const T* elements(const ConstArray& x) {
  return static_cast<const T*>(x.data);
}

}  // namespace

cudaError_t cross_entropy_forward(cudaStream_t stream, Array loss, Array lse, ConstArray logits,
                                  ConstArray targets, Index vocabulary) {
  if (logits.rows == 0) return cudaSuccess;
  return with_logits(logits.dtype, [&]<typename A>(A) {
    forward_kernel<A><<<grid_of(logits.rows), loss_threads, 0, stream>>>(
        elements<A>(loss), elements<A>(lse), rows_of<A>(logits), elements<std::int32_t>(targets),
        vocabulary);
    return cudaGetLastError();
  });
}

cudaError_t cross_entropy_share(cudaStream_t stream, Array partial, ConstArray logits,
                                ConstArray targets, const LossColumns& share) {
  if (logits.rows == 0) return cudaSuccess;
  return with_logits(logits.dtype, [&]<typename A>(A) {
    share_kernel<A><<<grid_of(logits.rows), loss_threads, 0, stream>>>(
        rows_of<A>(partial), rows_of<A>(logits), elements<std::int32_t>(targets), logits.columns,
        share);
    return cudaGetLastError();
  });
}

cudaError_t cross_entropy_combine(cudaStream_t stream, Array loss, Array lse, ConstArray partials,
                                  ConstArray targets, Index rows) {
  if (rows == 0) return cudaSuccess;
  return with_logits(partials.dtype, [&]<typename A>(A) {
    combine_kernel<A><<<grid_of(blocks_of(rows, map_threads)), map_threads, 0, stream>>>(
        elements<A>(loss), elements<A>(lse), rows_of<A>(partials), elements<std::int32_t>(targets),
        rows, partials.rows / rows, rows_aligned<2, A>(partials));
    return cudaGetLastError();
  });
}

cudaError_t cross_entropy_backward(cudaStream_t stream, Array dlogits, ConstArray logits,
                                   ConstArray lse, ConstArray targets, const LossColumns& columns,
                                   double scale) {
  return with_type(dlogits.dtype, [&]<typename T>(T) {
    using A = Accumulator<T>;
    constexpr int n = pack_size<A>;
    return map_rows<n>(
        stream, logits.rows, logits.columns, packs_fit<n, T>(dlogits) && packs_fit<n, A>(logits),
        Backward<T>{rows_of<T>(dlogits), rows_of<A>(logits), elements<A>(lse),
                    elements<std::int32_t>(targets), logits.columns, columns.vocabulary,
                    columns.first_column, static_cast<A>(scale)});
  });
}

}  // namespace tokenwerk::cuda
