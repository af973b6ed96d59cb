#include "core/cuda/kernels/norm.cuh"

#include "core/cuda/kernels/columns.cuh"

namespace tokenwerk::cuda {
namespace {

template <typename T>
struct ForwardRows {
  Rows<T> y;
  Rows<Accumulator<T>> stats;
  Rows<const T> x;
  const T *gamma, *beta;
  int columns;
  Accumulator<T> epsilon;
  bool aligned;
};

/// The distances are taken from the mean just found: a sum of squares would cancel.
template <Norm kind, typename T, int packs, typename A = Accumulator<T>>
__device__ Statistics<A> measure(const OwnPacks<T, packs>& x, int columns, A epsilon) {
  constexpr int n = pack_size<T>;
  const A count = static_cast<A>(columns);
  A mean{}, squares{};
  if constexpr (kind == Norm::layer) {
    for_own_packs<n, packs>(columns, [&](int k, int column) {
      const auto v = x.at(k, column);
      for (int i = 0; i < n; ++i) mean += widened<A>(v.values[i]);  // zeros behind the row
    });
    mean = reduce_block<most_norm_threads>(mean, Plus{}) / count;
  }
  for_own_packs<n, packs>(columns, [&](int k, int column) {
    const auto v = x.at(k, column);
    for (int i = 0; i < n; ++i) {
      const A distance = i < x.count(column) ? widened<A>(v.values[i]) - mean : A{};
      squares = multiply_add(distance, distance, squares);
    }
  });
  const A variance = reduce_block<most_norm_threads>(squares, Plus{}) / count;
  return {mean, A{1} / sqrt(variance + epsilon)};
}

/// A block takes a row.
template <Norm kind, typename T, int packs>
__global__ void __launch_bounds__(most_norm_threads, least_blocks)
    forward_kernel(ForwardRows<T> a) {
  using A = Accumulator<T>;
  constexpr int n = pack_size<T>;
  const Index row = blockIdx.x;
  const OwnPacks<T, packs> x(a.x.at(row, 0), a.columns, a.aligned);
  const auto s = measure<kind>(x, a.columns, a.epsilon);
  for_own_packs<n, packs>(a.columns, [&](int k, int column) {
    const int left = a.columns - column;
    const auto v = x.at(k, column), gamma = load_part<n>(a.gamma + column, left, a.aligned);
    Pack<T, n> out;
    if constexpr (kind == Norm::layer) {
      const auto beta = load_part<n>(a.beta + column, left, a.aligned);
      for (int i = 0; i < n; ++i)
        out.values[i] =
            rounded<T>((widened<A>(v.values[i]) - s.mean) * s.rstd * widened<A>(gamma.values[i]) +
                       widened<A>(beta.values[i]));
    } else {
      for (int i = 0; i < n; ++i)
        out.values[i] = rounded<T>(widened<A>(v.values[i]) * s.rstd * widened<A>(gamma.values[i]));
    }
    store_part(a.y.at(row, column), out, left, a.aligned);
  });
  if (threadIdx.x != 0) return;
  A* stats = a.stats.at(row, 0);
  if constexpr (kind == Norm::layer) *stats++ = s.mean;
  *stats = s.rstd;
}

template <typename T>
struct BackwardRows {
  Rows<T> dx;
  Rows<const T> dy, x;
  Rows<const Accumulator<T>> stats;
  const T* gamma;
  int columns;
  Write write;
  bool aligned;
};

/// With h = (x - mean) * rstd and g = dy * gamma: dx = rstd * (g - mean(g) - h * mean(g * h)).
template <Norm kind, typename T, int packs>
__global__ void __launch_bounds__(most_norm_threads, least_blocks)
    backward_input_kernel(BackwardRows<T> a) {
  using A = Accumulator<T>;
  constexpr int n = pack_size<T>;
  const Index row = blockIdx.x;
  const OwnPacks<T, packs> x(a.x.at(row, 0), a.columns, a.aligned);
  const OwnPacks<T, packs> dy(a.dy.at(row, 0), a.columns, a.aligned);
  const auto s = read_statistics<kind>(a.stats.at(row, 0));
  const auto gradient = [&](int k, int column) {
    const auto d = dy.at(k, column);
    const auto gamma = load_part<n>(a.gamma + column, a.columns - column, a.aligned);
    Pack<A, n> g;
    for (int i = 0; i < n; ++i) g.values[i] = widened<A>(d.values[i]) * widened<A>(gamma.values[i]);
    return g;
  };
  const auto normalized = [&](T v) { return (widened<A>(v) - s.mean) * s.rstd; };
  Pack<A, n> held[packs > 0 ? packs : 1];  // g, so that gamma is read once
  A sum_g{}, sum_gh{};                     // behind the row g is zero
  for_own_packs<n, packs>(a.columns, [&](int k, int column) {
    const auto v = x.at(k, column);
    held[k] = gradient(k, column);
    for (int i = 0; i < n; ++i) {
      sum_g += held[k].values[i];
      sum_gh = multiply_add(held[k].values[i], normalized(v.values[i]), sum_gh);
    }
  });
  const A count = static_cast<A>(a.columns);
  A mean_g{};
  if constexpr (kind == Norm::layer)
    mean_g = reduce_block<most_norm_threads>(sum_g, Plus{}) / count;
  const A mean_gh = reduce_block<most_norm_threads>(sum_gh, Plus{}) / count;
  for_own_packs<n, packs>(a.columns, [&](int k, int column) {
    T* const to = a.dx.at(row, column);
    const int left = a.columns - column;
    const auto v = x.at(k, column);
    if constexpr (packs == 0) held[k] = gradient(k, column);
    Pack<T, n> out{}, before{};
    if (a.write == Write::accumulate) before = load_part<n>(to, left, a.aligned);
    for (int i = 0; i < n; ++i) {
      const A h = normalized(v.values[i]);
      const A d = s.rstd * (held[k].values[i] - mean_g - h * mean_gh);
      out.values[i] =
          rounded<T>(a.write == Write::accumulate ? d + widened<A>(before.values[i]) : d);
    }
    store_part(to, out, left, a.aligned);
  });
}

/// What a row adds to dgamma and dbeta.
template <Norm kind, typename T>
struct WeightTerm {
  Rows<const T> dy, x;
  Rows<const Accumulator<T>> stats;
  Index columns;
  bool aligned;

  template <typename A, int sums, int n>
  __device__ __forceinline__ void add(A (&total)[sums][n], Index row, Index column) const {
    const auto s = read_statistics<kind>(stats.at(row, 0));
    const auto d = load_part<n>(dy.at(row, column), columns - column, aligned);
    const auto v = load_part<n>(x.at(row, column), columns - column, aligned);
    for (int i = 0; i < n; ++i) {
      const A h = (widened<A>(v.values[i]) - s.mean) * s.rstd;
      total[0][i] = multiply_add(widened<A>(d.values[i]), h, total[0][i]);
      if constexpr (sums > 1) total[1][i] += widened<A>(d.values[i]);
    }
  }
};

}  // namespace

cudaError_t norm_forward(cudaStream_t stream, Norm kind, Array y, Array stats, ConstArray x,
                         ConstArray gamma, ConstArray beta, double epsilon) {
  if (x.rows == 0) return cudaSuccess;
  return with_type(x.dtype, [&]<typename T>(T) {
    constexpr int n = pack_size<T>;
    using A = Accumulator<T>;
    const bool aligned = rows_aligned<n, T>(x) && rows_aligned<n, T>(y) &&
                         rows_aligned<n, T>(gamma) && rows_aligned<n, T>(beta);
    const ForwardRows<T> a{rows_of<T>(y),
                           rows_of<A>(stats),
                           rows_of<T>(x),
                           static_cast<const T*>(gamma.data),
                           static_cast<const T*>(beta.data),
                           static_cast<int>(x.columns),
                           static_cast<A>(epsilon),
                           aligned};
    return with_norm(kind, [&](auto norm) {
      return with_packs<T>(x.columns, [&](auto packs, unsigned threads) {
        forward_kernel<norm(), T, packs()><<<grid_of(x.rows), threads, 0, stream>>>(a);
        return cudaGetLastError();
      });
    });
  });
}

cudaError_t norm_backward_input(cudaStream_t stream, Norm kind, Array dx, ConstArray dy,
                                ConstArray x, ConstArray stats, ConstArray gamma, Write write) {
  if (x.rows == 0) return cudaSuccess;
  return with_type(x.dtype, [&]<typename T>(T) {
    constexpr int n = pack_size<T>;
    const bool aligned = rows_aligned<n, T>(dx) && rows_aligned<n, T>(dy) &&
                         rows_aligned<n, T>(x) && rows_aligned<n, T>(gamma);
    const BackwardRows<T> a{rows_of<T>(dx),
                            rows_of<T>(dy),
                            rows_of<T>(x),
                            rows_of<Accumulator<T>>(stats),
                            static_cast<const T*>(gamma.data),
                            static_cast<int>(x.columns),
                            write,
                            aligned};
    return with_norm(kind, [&](auto norm) {
      return with_packs<T>(x.columns, [&](auto packs, unsigned threads) {
        backward_input_kernel<norm(), T, packs()><<<grid_of(x.rows), threads, 0, stream>>>(a);
        return cudaGetLastError();
      });
    });
  });
}

cudaError_t norm_backward_weight(cudaStream_t stream, Norm kind, Array dgamma, Array dbeta,
                                 Array partials, ConstArray dy, ConstArray x, ConstArray stats,
                                 Write write) {
  return with_type(x.dtype, [&]<typename T>(T) {
    constexpr int n = pack_size<T>;
    using A = Accumulator<T>;
    return with_norm(kind, [&](auto norm) {
      constexpr int sums = norm() == Norm::layer ? 2 : 1;
      const WeightTerm<norm(), T> term{rows_of<T>(dy), rows_of<T>(x), rows_of<A>(stats), x.columns,
                                       rows_aligned<n, T>(dy) && rows_aligned<n, T>(x)};
      const ColumnSums<A> out{{static_cast<A*>(dgamma.data), static_cast<A*>(dbeta.data)}};
      return sum_columns<T, sums, n>(stream, out, partials, term, x.rows, x.columns, write);
    });
  });
}

}  // namespace tokenwerk::cuda
