#include "core/cpu/kernels/activation.h"

#include "core/cpu/kernels/dispatch.h"
#include "core/cpu/simd_math.h"

namespace tokenwerk::cpu::TW_ISA {
namespace {

template <typename V>
TW_INLINE V sigmoid(V x) {
  return 1 / (1 + exp(-x));
}

/// 0.5 (1 + tanh(u)) is sigmoid(2u): one exponential, and no cancellation for negative u. With
/// u = k (x + c x^3): 2u, and its derivative.
template <typename A>
struct GeluArgument {
  static constexpr A two_k = static_cast<A>(1.5957691216057308);  // 2 sqrt(2 / pi)
  static constexpr A c = static_cast<A>(0.044715);

  [[gnu::always_inline]] static Lanes<A> value(Lanes<A> x) { return two_k * (x + c * (x * x * x)); }
  [[gnu::always_inline]] static Lanes<A> slope(Lanes<A> x) {
    return two_k * (1 + (3 * c) * (x * x));
  }
};

void gelu_forward(DType dtype, void* y, const void* x, Index count) {
  for_type(dtype, [&]<typename T>(T) {
    using Argument = GeluArgument<Accumulator<T>>;
    for_lanes(count, [&](Index i, auto n) {
      const auto v = load_first(static_cast<const T*>(x) + i, n);
      store_first(static_cast<T*>(y) + i, v * sigmoid(Argument::value(v)), n);
    });
  });
}

void gelu_backward(DType dtype, void* dx, const void* dy, const void* x, Index count) {
  for_type(dtype, [&]<typename T>(T) {
    using Argument = GeluArgument<Accumulator<T>>;
    for_lanes(count, [&](Index i, auto n) {
      const auto v = load_first(static_cast<const T*>(x) + i, n);
      const auto d = load_first(static_cast<const T*>(dy) + i, n);
      const auto s = sigmoid(Argument::value(v));
      store_first(static_cast<T*>(dx) + i, d * (s + v * s * (1 - s) * Argument::slope(v)), n);
    });
  });
}

void swiglu_forward(DType dtype, void* y, const void* gate, const void* up, Index count) {
  for_type(dtype, [&]<typename T>(T) {
    for_lanes(count, [&](Index i, auto n) {
      const auto g = load_first(static_cast<const T*>(gate) + i, n);
      const auto u = load_first(static_cast<const T*>(up) + i, n);
      store_first(static_cast<T*>(y) + i, g * sigmoid(g) * u, n);
    });
  });
}

void swiglu_backward(DType dtype, void* dgate, void* dup, const void* dy, const void* gate,
                     const void* up, Index count) {
  for_type(dtype, [&]<typename T>(T) {
    for_lanes(count, [&](Index i, auto n) {
      const auto g = load_first(static_cast<const T*>(gate) + i, n);
      const auto u = load_first(static_cast<const T*>(up) + i, n);
      const auto d = load_first(static_cast<const T*>(dy) + i, n);
      const auto s = sigmoid(g);
      store_first(static_cast<T*>(dgate) + i, d * u * s * (1 + g * (1 - s)), n);
      store_first(static_cast<T*>(dup) + i, d * g * s, n);
    });
  });
}

}  // namespace

extern const ActivationKernels activation_kernels;
const ActivationKernels activation_kernels = {gelu_forward, gelu_backward, swiglu_forward,
                                              swiglu_backward};

}  // namespace tokenwerk::cpu::TW_ISA
