#include "core/cuda/kernels/activation.h"

#include "core/cuda/kernels/map.cuh"

namespace tokenwerk::cuda {
namespace {

template <typename A>
__device__ __forceinline__ A sigmoid(A x) {
  return 1 / (1 + exp(-x));
}

/// 0.5 (1 + tanh(u)) is sigmoid(2u): one exponential, and no cancellation for negative u. With
/// u = k (x + c x^3): 2u, and its derivative.
template <typename A>
struct GeluArgument {
  static constexpr A two_k = static_cast<A>(1.5957691216057308);  // 2 sqrt(2 / pi)
  static constexpr A c = static_cast<A>(0.044715);

  static __device__ __forceinline__ A value(A x) { return two_k * (x + c * (x * x * x)); }
  static __device__ __forceinline__ A slope(A x) { return two_k * (1 + (3 * c) * (x * x)); }
};

template <typename T>
struct GeluForward {
  Rows<T> y;
  Rows<const T> x;
  template <int n>
  __device__ void run(Index row, Index column) const {
    using A = Accumulator<T>;
    const auto in = load<n>(x.at(row, column));
    Pack<T, n> out;
    for (int i = 0; i < n; ++i) {
      const A v = widened<A>(in.values[i]);
      out.values[i] = rounded<T>(v * sigmoid(GeluArgument<A>::value(v)));
    }
    store(y.at(row, column), out);
  }
};

template <typename T>
struct GeluBackward {
  Rows<T> dx;
  Rows<const T> dy, x;
  template <int n>
  __device__ void run(Index row, Index column) const {
    using A = Accumulator<T>;
    const auto in = load<n>(x.at(row, column)), din = load<n>(dy.at(row, column));
    Pack<T, n> out;
    for (int i = 0; i < n; ++i) {
      const A v = widened<A>(in.values[i]), s = sigmoid(GeluArgument<A>::value(v));
      const A slope = s + v * s * (1 - s) * GeluArgument<A>::slope(v);
      out.values[i] = rounded<T>(widened<A>(din.values[i]) * slope);
    }
    store(dx.at(row, column), out);
  }
};

template <typename T>
struct SwigluForward {
  Rows<T> y;
  Rows<const T> gate, up;
  template <int n>
  __device__ void run(Index row, Index column) const {
    using A = Accumulator<T>;
    const auto gates = load<n>(gate.at(row, column)), ups = load<n>(up.at(row, column));
    Pack<T, n> out;
    for (int i = 0; i < n; ++i) {
      const A g = widened<A>(gates.values[i]);
      out.values[i] = rounded<T>(g * sigmoid(g) * widened<A>(ups.values[i]));
    }
    store(y.at(row, column), out);
  }
};

template <typename T>
struct SwigluBackward {
  Rows<T> dgate, dup;
  Rows<const T> dy, gate, up;
  template <int n>
  __device__ void run(Index row, Index column) const {
    using A = Accumulator<T>;
    const auto gates = load<n>(gate.at(row, column)), ups = load<n>(up.at(row, column));
    const auto din = load<n>(dy.at(row, column));
    Pack<T, n> dgates, dups;
    for (int i = 0; i < n; ++i) {
      const A g = widened<A>(gates.values[i]), s = sigmoid(g), d = widened<A>(din.values[i]);
      dgates.values[i] = rounded<T>(d * widened<A>(ups.values[i]) * s * (1 + g * (1 - s)));
      dups.values[i] = rounded<T>(d * g * s);
    }
    store(dgate.at(row, column), dgates);
    store(dup.at(row, column), dups);
  }
};

/// Runs Operation<T>{operands as Rows...} over arrays of one shape and dtype.
template <template <typename> typename Operation, typename... Arrays>
cudaError_t map_alike(cudaStream_t stream, Array first, Arrays... others) {
  return with_type(first.dtype, [&]<typename T>(T) {
    constexpr int n = pack_size<T>;
    Index rows = first.rows, columns = first.columns;
    flatten(rows, columns, first, others...);
    return map<n>(stream, rows, columns, packs_fit<n, T>(first) && (packs_fit<n, T>(others) && ...),
                  Operation<T>{rows_of<T>(first), rows_of<T>(others)...});
  });
}

}  // namespace

cudaError_t gelu_forward(cudaStream_t stream, Array y, ConstArray x) {
  return map_alike<GeluForward>(stream, y, x);
}

cudaError_t gelu_backward(cudaStream_t stream, Array dx, ConstArray dy, ConstArray x) {
  return map_alike<GeluBackward>(stream, dx, dy, x);
}

cudaError_t swiglu_forward(cudaStream_t stream, Array y, ConstArray gate, ConstArray up) {
  return map_alike<SwigluForward>(stream, y, gate, up);
}

cudaError_t swiglu_backward(cudaStream_t stream, Array dgate, Array dup, ConstArray dy,
                            ConstArray gate, ConstArray up) {
  return map_alike<SwigluBackward>(stream, dgate, dup, dy, gate, up);
}

}  // namespace tokenwerk::cuda
