#include "core/cuda/kernels/elementwise.h"

#include "core/cuda/kernels/map.cuh"

namespace tokenwerk::cuda {
namespace {

template <typename T>
struct Add {
  Rows<T> y;
  Rows<const T> a, b;
  template <int n>
  __device__ void run(Index row, Index column) const {
    using A = Accumulator<T>;
    const auto left = load<n>(a.at(row, column)), right = load<n>(b.at(row, column));
    Pack<T, n> out;
    for (int i = 0; i < n; ++i)
      out.values[i] = rounded<T>(widened<A>(left.values[i]) + widened<A>(right.values[i]));
    store(y.at(row, column), out);
  }
};

/// y += a row, of y's type or a narrower one.
template <typename T, typename R>
struct AddRow {
  Rows<T> y;
  const R* added;
  template <int n>
  __device__ void run(Index row, Index column) const {
    using A = Accumulator<T>;
    Pack<T, n> out = load<n>(y.at(row, column));
    const auto more = load<n>(added + column);
    for (int i = 0; i < n; ++i)
      out.values[i] = rounded<T>(widened<A>(out.values[i]) + widened<A>(more.values[i]));
    store(y.at(row, column), out);
  }
};

template <typename To, typename From>
struct Convert {
  Rows<To> y;
  Rows<const From> x;
  template <int n>
  __device__ void run(Index row, Index column) const {
    const auto in = load<n>(x.at(row, column));
    Pack<To, n> out;
    for (int i = 0; i < n; ++i) {
      if constexpr (std::is_same_v<To, From>)
        out.values[i] = in.values[i];
      else
        out.values[i] = rounded<To>(widened<Accumulator<From>>(in.values[i]));
    }
    store(y.at(row, column), out);
  }
};

template <typename T>
struct Fill {
  Rows<T> y;
  T value;
  template <int n>
  __device__ void run(Index row, Index column) const {
    Pack<T, n> out;
    for (int i = 0; i < n; ++i) out.values[i] = value;
    store(y.at(row, column), out);
  }
};

template <typename T>
struct Scale {
  Rows<T> y;
  Accumulator<T> factor;
  template <int n>
  __device__ void run(Index row, Index column) const {
    Pack<T, n> out = load<n>(y.at(row, column));
    for (int i = 0; i < n; ++i)
      out.values[i] = rounded<T>(widened<Accumulator<T>>(out.values[i]) * factor);
    store(y.at(row, column), out);
  }
};

template <typename T>
cudaError_t fill_with(cudaStream_t stream, Array y, T value) {
  constexpr int n = pack_size<T>;
  Index rows = y.rows, columns = y.columns;
  flatten(rows, columns, y);
  return map<n>(stream, rows, columns, packs_fit<n, T>(y), Fill<T>{rows_of<T>(y), value});
}

template <typename To, typename From>
cudaError_t convert_between(cudaStream_t stream, Array y, ConstArray x) {
  constexpr int n = std::min(pack_size<To>, pack_size<From>);
  Index rows = y.rows, columns = y.columns;
  flatten(rows, columns, y, x);
  return map<n>(stream, rows, columns, packs_fit<n, To>(y) && packs_fit<n, From>(x),
                Convert<To, From>{rows_of<To>(y), rows_of<From>(x)});
}

constexpr int sum_threads = 256;

/// A block sums a row: threads in steps of their number, then the block's tree.
template <typename T>
__global__ void __launch_bounds__(sum_threads)
    row_sums_kernel(double* sums, Rows<const T> x, Index columns) {
  double sum = 0.0;
  for (Index column = threadIdx.x; column < columns; column += sum_threads)
    sum += widened<double>(*x.at(blockIdx.x, column));
  sum = reduce_block<sum_threads>(sum, Plus{});
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

}  // namespace

cudaError_t add(cudaStream_t stream, Array y, ConstArray a, ConstArray b) {
  return with_type(y.dtype, [&]<typename T>(T) {
    constexpr int n = pack_size<T>;
    Index rows = y.rows, columns = y.columns;
    flatten(rows, columns, y, a, b);
    return map<n>(stream, rows, columns,
                  packs_fit<n, T>(y) && packs_fit<n, T>(a) && packs_fit<n, T>(b),
                  Add<T>{rows_of<T>(y), rows_of<T>(a), rows_of<T>(b)});
  });
}

cudaError_t add_row(cudaStream_t stream, Array y, ConstArray row) {
  return with_type(y.dtype, [&]<typename T>(T) {
    constexpr int n = pack_size<T>;
    const auto of_type = [&]<typename R>(R) {
      return map<n>(stream, y.rows, row.columns, packs_fit<n, T>(y) && packs_fit<n, R>(row),
                    AddRow<T, R>{rows_of<T>(y), static_cast<const R*>(row.data)});
    };
    return row.dtype == y.dtype ? of_type(T{}) : of_type(bf16{});
  });
}

cudaError_t convert(cudaStream_t stream, Array y, ConstArray x) {
  if (y.dtype == DType::i32) return convert_between<std::int32_t, std::int32_t>(stream, y, x);
  return with_type(y.dtype, [&]<typename To>(To) {
    return with_type(x.dtype,
                     [&]<typename From>(From) { return convert_between<To, From>(stream, y, x); });
  });
}

cudaError_t fill(cudaStream_t stream, Array y, double value) {
  switch (y.dtype) {
    case DType::f64: return fill_with<double>(stream, y, value);
    case DType::f32: return fill_with<float>(stream, y, static_cast<float>(value));
    case DType::bf16:
      return fill_with<bf16>(stream, y, __float2bfloat16(static_cast<float>(value)));
    case DType::i32: return fill_with<std::int32_t>(stream, y, static_cast<std::int32_t>(value));
  }
  return cudaErrorInvalidValue;
}

cudaError_t scale(cudaStream_t stream, Array y, double factor) {
  return with_type(y.dtype, [&]<typename T>(T) {
    constexpr int n = pack_size<T>;
    Index rows = y.rows, columns = y.columns;
    flatten(rows, columns, y);
    return map<n>(stream, rows, columns, packs_fit<n, T>(y),
                  Scale<T>{rows_of<T>(y), static_cast<Accumulator<T>>(factor)});
  });
}

cudaError_t row_sums(cudaStream_t stream, Array sums, ConstArray x) {
  if (x.rows == 0) return cudaSuccess;
  return with_type(x.dtype, [&]<typename T>(T) {
    row_sums_kernel<T><<<static_cast<unsigned>(x.rows), sum_threads, 0, stream>>>(
        static_cast<double*>(sums.data), rows_of<T>(x), x.columns);
    return cudaGetLastError();
  });
}

}  // namespace tokenwerk::cuda
