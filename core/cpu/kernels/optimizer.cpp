#include "core/cpu/kernels/optimizer.h"

#include "core/cpu/kernels/dispatch.h"

namespace tokenwerk::cpu::TW_ISA {
namespace {

template <typename T>
void adamw_run(const AdamWRun& a) {
  using A = Accumulator<T>;
  const auto all = [](double value) { return broadcast(static_cast<A>(value)); };
  A *master = static_cast<A*>(a.master), *m = static_cast<A*>(a.m), *v = static_cast<A*>(a.v);
  const A* gradient = static_cast<const A*>(a.gradient);
  for_lanes(a.count, [&](Index i, auto n) {
    const auto g = load_first(gradient + i, n) * all(a.gradient_scale);
    const auto m1 = all(a.beta1) * load_first(m + i, n) + all(1.0 - a.beta1) * g;
    const auto v1 = all(a.beta2) * load_first(v + i, n) + all(1.0 - a.beta2) * (g * g);
    const auto distance = sqrt(v1) * all(a.root_correction) + all(a.epsilon);
    const auto w0 = load_first(master + i, n);
    // One difference: in f32 a factor 1 - decay would round most of a small decay away.
    const auto w = w0 - (all(a.decay) * w0 + all(a.step_size) * (m1 / distance));
    store_first(m + i, m1, n);
    store_first(v + i, v1, n);
    store_first(master + i, w, n);
    if constexpr (sizeof(T) != sizeof(A)) store_first(static_cast<T*>(a.w) + i, w, n);
  });
}

void adamw(const AdamWRun& a) {
  for_type(a.dtype, [&]<typename T>(T) { adamw_run<T>(a); });
}

double squared_norm(DType dtype, const void* x, Index count) {
  return for_type(dtype, [&]<typename T>(T) {
    F64x16 total{};
    for_lanes(count, [&](Index i, auto n) {
      const auto v = __builtin_convertvector(load_first(static_cast<const T*>(x) + i, n), F64x16);
      total += v * v;
    });
    return sum_of(total);
  });
}

}  // namespace

extern const OptimizerKernels optimizer_kernels;
const OptimizerKernels optimizer_kernels = {adamw, squared_norm};

}  // namespace tokenwerk::cpu::TW_ISA
