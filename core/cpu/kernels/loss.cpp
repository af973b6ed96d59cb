#include "core/cpu/kernels/loss.h"

#include "core/cpu/kernels/dispatch.h"
#include "core/cpu/simd_math.h"

namespace tokenwerk::cpu::TW_ISA {
namespace {

constexpr Index chains = 4;  // independent sums: they hide latency and err less than one long one
constexpr Index step = chains * lanes;

template <typename A>
A max_of_row(const A* x, Index count) {
  Lanes<A> tops[chains];
  for (Lanes<A>& top : tops) top = broadcast(static_cast<A>(-__builtin_inff()));
  Index i = 0;
  for (; i + step <= count; i += step)
    for (Index k = 0; k < chains; ++k) tops[k] = max(load(x + i + k * lanes), tops[k]);
  A top = max_of(max(max(tops[0], tops[1]), max(tops[2], tops[3])));
  for (; i < count; ++i) top = x[i] > top ? x[i] : top;
  return top;
}

/// Sum of exp(x - top).
template <typename A>
A sum_of_exp(const A* x, A top, Index count) {
  Lanes<A> sums[chains] = {};
  Index i = 0;
  for (; i + step <= count; i += step)
    for (Index k = 0; k < chains; ++k) sums[k] += exp_of_negative(load(x + i + k * lanes) - top);
  for (; i < count; i += lanes) {
    Lanes<A> v = broadcast(static_cast<A>(-__builtin_inff()));  // of which exp is zero
    for (Index k = 0; k < lanes && i + k < count; ++k) v[k] = x[i + k];
    sums[0] += exp_of_negative(v - top);
  }
  return sum_of((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <typename A>
void forward_typed(A* loss, A* lse, const LossRow& row) {
  const A* x = static_cast<const A*>(row.logits);
  const A top = max_of_row(x, row.vocabulary);
  const A log_sum = log(broadcast(sum_of_exp(x, top, row.vocabulary)))[0];
  *lse = top + log_sum;
  *loss = row.target < 0 ? A{} : (top - x[row.target]) + log_sum;
}

template <typename T, typename A = Accumulator<T>>
void backward_typed(T* dx, const LossRow& row, A lse, A factor) {
  const A* x = static_cast<const A*>(row.logits);
  Index written = 0;
  if (row.target >= 0) {
    const A target = x[row.target];  // read before dx, which may be x, is written
    for_lanes(row.vocabulary, [&](Index i, auto n) {
      const Lanes<A> p = exp_of_negative(load_first(x + i, n) - lse);
      store_first(dx + i, p * factor, n);
    });
    const Lanes<A> p = exp_of_negative(broadcast(target) - lse);
    store_first(dx + row.target, (p - A{1}) * factor, 1);
    written = row.vocabulary;
  }
  __builtin_memset(dx + written, 0, static_cast<std::size_t>(row.columns - written) * sizeof(T));
}

void forward(DType dtype, void* loss, void* lse, const LossRow& row) {
  if (dtype == DType::f64) {
    forward_typed(static_cast<double*>(loss), static_cast<double*>(lse), row);
  } else {
    forward_typed(static_cast<float*>(loss), static_cast<float*>(lse), row);
  }
}

void backward(DType dtype, void* dlogits, const LossRow& row, const void* lse, double scale) {
  for_type(dtype, [&]<typename T>(T) {
    using A = Accumulator<T>;
    backward_typed(static_cast<T*>(dlogits), row, *static_cast<const A*>(lse),
                   static_cast<A>(scale));
  });
}

}  // namespace

extern const LossKernels loss_kernels;
const LossKernels loss_kernels = {forward, backward};

}  // namespace tokenwerk::cpu::TW_ISA
