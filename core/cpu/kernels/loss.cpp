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

/// log(exp(a) + exp(b)); minus infinity counts as no term.
template <typename A>
A log_add(A a, A b) {
  const A top = a < b ? b : a, other = a < b ? a : b;
  if (other == static_cast<A>(-__builtin_inff())) return top;
  return top + log(broadcast(A{1} + exp_of_negative(broadcast(other - top))[0]))[0];
}

/// The terms leaf(first .. first + count) joined by log_add: two halves, the first being the
/// largest power of two below the count.
template <typename A, typename Leaf>
A log_add_tree(Index first, Index count, const Leaf& leaf) {
  if (count == 1) return leaf(first);
  Index half = 1;
  while (2 * half < count) half *= 2;
  return log_add<A>(log_add_tree<A>(first, half, leaf),
                    log_add_tree<A>(first + half, count - half, leaf));
}

template <typename A>
A log_sum_exp(const A* x, Index count) {
  const A top = max_of_row(x, count);
  if (top == static_cast<A>(-__builtin_inff())) return top;  // no columns, or none that counts
  return top + log(broadcast(sum_of_exp(x, top, count)))[0];
}

template <typename A>
void share_typed(A* partial, const LossRow& row, Index chunks) {
  const A* x = static_cast<const A*>(row.logits);
  const auto start = [&](Index chunk) {
    const Index column = chunk * row.columns / chunks;
    return column < row.vocabulary ? column : row.vocabulary;
  };
  partial[0] = log_add_tree<A>(Index{0}, chunks, [&](Index chunk) {
    return log_sum_exp(x + start(chunk), start(chunk + 1) - start(chunk));
  });
  const bool here = !row.masked && row.target >= 0 && row.target < row.vocabulary;
  partial[1] = here ? x[row.target] : A{};
}

template <typename A>
void combine_typed(A* loss, A* lse, const LossShares& shares) {
  const A* first = static_cast<const A*>(shares.first);
  const A all = log_add_tree<A>(Index{0}, shares.count,
                                [&](Index share) { return first[share * shares.stride]; });
  A target{};  // all but one share have zero
  for (Index share = 0; share < shares.count; ++share) target += first[share * shares.stride + 1];
  *lse = all;
  *loss = shares.masked ? A{} : all - target;
}

template <typename A>
void forward_typed(A* loss, A* lse, const LossRow& row) {
  const A* x = static_cast<const A*>(row.logits);
  const A top = max_of_row(x, row.vocabulary);
  const A log_sum = log(broadcast(sum_of_exp(x, top, row.vocabulary)))[0];
  *lse = top + log_sum;
  *loss = row.masked ? A{} : (top - x[row.target]) + log_sum;
}

template <typename T, typename A = Accumulator<T>>
void backward_typed(T* dx, const LossRow& row, A lse, A factor) {
  const A* x = static_cast<const A*>(row.logits);
  Index written = 0;
  if (!row.masked) {
    const bool here = row.target >= 0 && row.target < row.vocabulary;
    const A target = here ? x[row.target] : A{};  // before dx, which may be x, is written
    for_lanes(row.vocabulary, [&](Index i, auto n) {
      const Lanes<A> p = exp_of_negative(load_first(x + i, n) - lse);
      store_first(dx + i, p * factor, n);
    });
    if (here) {
      const Lanes<A> p = exp_of_negative(broadcast(target) - lse);
      store_first(dx + row.target, (p - A{1}) * factor, 1);
    }
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

void share(DType dtype, void* partial, const LossRow& row, Index chunks) {
  if (dtype == DType::f64) {
    share_typed(static_cast<double*>(partial), row, chunks);
  } else {
    share_typed(static_cast<float*>(partial), row, chunks);
  }
}

void combine(DType dtype, void* loss, void* lse, const LossShares& shares) {
  if (dtype == DType::f64) {
    combine_typed(static_cast<double*>(loss), static_cast<double*>(lse), shares);
  } else {
    combine_typed(static_cast<float*>(loss), static_cast<float*>(lse), shares);
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
const LossKernels loss_kernels = {forward, share, combine, backward};

}  // namespace tokenwerk::cpu::TW_ISA
