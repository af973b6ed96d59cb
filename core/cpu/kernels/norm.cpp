/// LayerNorm and RMSNorm are one code: RMSNorm is LayerNorm with a mean of zero and no beta.

#include "core/cpu/kernels/norm.h"

#include "core/cpu/kernels/dispatch.h"

namespace tokenwerk::cpu::TW_ISA {
namespace {

enum class Kind { layer, rms };

/// Sum of term(i, n) over a row, the vector of lanes at i. Four chains hide the latency of the
/// additions; which term joins which chain depends on i alone.
template <typename A, typename Term>
TW_INLINE A sum_row(Index columns, Term term) {
  constexpr std::integral_constant<int, lanes> all{};
  Lanes<A> s0{}, s1{}, s2{}, s3{};
  Index i = 0;
  for (; i + 4 * lanes <= columns; i += 4 * lanes) {
    s0 += term(i, all);
    s1 += term(i + lanes, all);
    s2 += term(i + 2 * lanes, all);
    s3 += term(i + 3 * lanes, all);
  }
  for_lanes(columns - i, [&](Index j, auto n) { s0 += term(i + j, n); });
  return sum_of((s0 + s1) + (s2 + s3));
}

/// The first n lanes of v, zeros behind them.
template <typename A>
TW_INLINE Lanes<A> keep_first(Lanes<A> v, Index n) {
  A buffer[lanes] = {};
  store_first(buffer, v, n);
  return load(buffer);
}
template <typename A>
TW_INLINE Lanes<A> keep_first(Lanes<A> v, std::integral_constant<int, lanes>) {
  return v;
}

template <typename A>
struct Statistics {
  A mean, rstd;
};

template <Kind kind, typename A>
TW_INLINE Statistics<A> read(const A* stats) {
  return kind == Kind::layer ? Statistics<A>{stats[0], stats[1]} : Statistics<A>{A{}, stats[0]};
}

template <Kind kind, typename T, typename A = Accumulator<T>>
TW_INLINE Statistics<A> measure(const T* x, Index columns, A epsilon) {
  const A count = static_cast<A>(columns);
  A mean{};
  if constexpr (kind == Kind::layer) {
    mean = sum_row<A>(columns, [&](Index i, auto n) { return load_first(x + i, n); }) / count;
  }
  // The distances are taken from the mean just found: a sum of squares would cancel.
  const A variance = sum_row<A>(columns,
                                [&](Index i, auto n) {
                                  const auto d =
                                      keep_first<A>(load_first(x + i, n) - broadcast(mean), n);
                                  return d * d;
                                }) /
                     count;
  return {mean, A{1} / sqrt(variance + epsilon)};
}

template <Kind kind, typename T>
void forward_rows(const NormForward& a) {
  using A = Accumulator<T>;
  const T *gamma = static_cast<const T*>(a.gamma), *beta = static_cast<const T*>(a.beta);
  for (Index r = 0; r < a.rows; ++r) {
    const T* x = row_of<T>(a.x, r);
    T* y = row_of<T>(a.y, r);
    A* stats = row_of<A>(a.stats, r);
    const auto s = measure<kind>(x, a.columns, static_cast<A>(a.epsilon));
    for_lanes(a.columns, [&](Index i, auto n) {
      auto v = (load_first(x + i, n) - broadcast(s.mean)) * broadcast(s.rstd);
      v *= load_first(gamma + i, n);
      if constexpr (kind == Kind::layer) v += load_first(beta + i, n);
      store_first(y + i, v, n);
    });
    if constexpr (kind == Kind::layer) *stats++ = s.mean;
    *stats = s.rstd;
  }
}

/// With h = (x - mean) * rstd and g = dy * gamma: dx = rstd * (g - mean(g) - h * mean(g * h)).
template <Kind kind, typename T>
void backward_input_rows(const NormBackwardInput& a) {
  using A = Accumulator<T>;
  const T* gamma = static_cast<const T*>(a.gamma);
  const A count = static_cast<A>(a.columns);
  for (Index r = 0; r < a.rows; ++r) {
    const T *x = row_of<T>(a.x, r), *dy = row_of<T>(a.dy, r);
    T* dx = row_of<T>(a.dx, r);
    const auto s = read<kind>(row_of<A>(a.stats, r));
    const auto g = [&](Index i, auto n) {
      return load_first(dy + i, n) * load_first(gamma + i, n);
    };
    const auto h = [&](Index i, auto n) {
      return (load_first(x + i, n) - broadcast(s.mean)) * broadcast(s.rstd);
    };
    A mean_g{};
    if constexpr (kind == Kind::layer) mean_g = sum_row<A>(a.columns, g) / count;
    const A mean_gh =
        sum_row<A>(a.columns, [&](Index i, auto n) { return g(i, n) * h(i, n); }) / count;
    for_lanes(a.columns, [&](Index i, auto n) {
      auto v = broadcast(s.rstd) * (g(i, n) - broadcast(mean_g) - h(i, n) * broadcast(mean_gh));
      if (a.write == Write::accumulate) v += load_first(dx + i, n);
      store_first(dx + i, v, n);
    });
  }
}

template <Kind kind, typename T>
void backward_weight_rows(const NormBackwardWeight& a) {
  using A = Accumulator<T>;
  A *dgamma = static_cast<A*>(a.dgamma), *dbeta = static_cast<A*>(a.dbeta);
  for_lanes(a.columns, [&](Index i, auto n) {
    store_first(dgamma + i, Lanes<A>{}, n);
    if constexpr (kind == Kind::layer) store_first(dbeta + i, Lanes<A>{}, n);
  });
  for (Index r = 0; r < a.rows; ++r) {
    const T *x = row_of<T>(a.x, r), *dy = row_of<T>(a.dy, r);
    const auto s = read<kind>(row_of<A>(a.stats, r));
    for_lanes(a.columns, [&](Index i, auto n) {
      const auto d = load_first(dy + i, n);
      const auto h = (load_first(x + i, n) - broadcast(s.mean)) * broadcast(s.rstd);
      store_first(dgamma + i, load_first(dgamma + i, n) + d * h, n);
      if constexpr (kind == Kind::layer) store_first(dbeta + i, load_first(dbeta + i, n) + d, n);
    });
  }
}

template <Kind kind>
void forward(const NormForward& a) {
  for_type(a.dtype, [&]<typename T>(T) { forward_rows<kind, T>(a); });
}
template <Kind kind>
void backward_input(const NormBackwardInput& a) {
  for_type(a.dtype, [&]<typename T>(T) { backward_input_rows<kind, T>(a); });
}
template <Kind kind>
void backward_weight(const NormBackwardWeight& a) {
  for_type(a.dtype, [&]<typename T>(T) { backward_weight_rows<kind, T>(a); });
}

}  // namespace

extern const NormKernels norm_kernels;
const NormKernels norm_kernels = {forward<Kind::layer>,         backward_input<Kind::layer>,
                                  backward_weight<Kind::layer>, forward<Kind::rms>,
                                  backward_input<Kind::rms>,    backward_weight<Kind::rms>};

}  // namespace tokenwerk::cpu::TW_ISA
