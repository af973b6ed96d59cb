#pragma once
/// Loops over the lanes of a warp, written once so that the compiler can make vectors of them.

#include <cstdint>
#include <type_traits>

#include "tests/emulator/ptx/warp.h"

namespace tokenwerk::emulator::ptx {

/// to[lane] = function(lane) for the active lanes. The function must not fail for inactive ones:
/// when the warp is converged it is called for all 32.
template <typename T, typename F>
void each_lane(Warp& warp, T* to, F function) {
  if (warp.is_converged()) {
#pragma GCC ivdep
    for (int lane = 0; lane < warp_size; ++lane) to[lane] = function(lane);
    return;
  }
  const std::uint32_t active = warp.active();
  for (int lane = 0; lane < warp_size; ++lane)
    if (active >> lane & 1) to[lane] = function(lane);
}

/// The same for a destination that is a predicate.
template <typename F>
void each_lane_predicate(Warp& warp, const Slot& to, F function) {
  std::uint32_t mask = 0;
  for (int lane = 0; lane < warp_size; ++lane)
    mask |= static_cast<std::uint32_t>(static_cast<bool>(function(lane))) << lane;
  std::uint32_t& all = warp.predicate(to);
  all = (all & ~warp.active()) | (mask & warp.active());
}

/// Handlers made of a function object: `Op{}(a)`, `Op{}(a, b)` or `Op{}(a, b, c)` on values of T.
template <typename Op, typename T>
void run_unary(Warp& warp, const Instruction& in) {
  const T* a = warp.lanes<T>(in.from[0]);
  using R = decltype(Op{}(T{}));
  each_lane(warp, warp.lanes<R>(in.to), [=](int lane) { return Op{}(a[lane]); });
}

template <typename Op, typename T>
void run_binary(Warp& warp, const Instruction& in) {
  const T* a = warp.lanes<T>(in.from[0]);
  const T* b = warp.lanes<T>(in.from[1]);
  using R = decltype(Op{}(T{}, T{}));
  each_lane(warp, warp.lanes<R>(in.to), [=](int lane) { return Op{}(a[lane], b[lane]); });
}

template <typename Op, typename T>
void run_ternary(Warp& warp, const Instruction& in) {
  const T* a = warp.lanes<T>(in.from[0]);
  const T* b = warp.lanes<T>(in.from[1]);
  const T* c = warp.lanes<T>(in.from[2]);
  using R = decltype(Op{}(T{}, T{}, T{}));
  each_lane(warp, warp.lanes<R>(in.to), [=](int lane) { return Op{}(a[lane], b[lane], c[lane]); });
}

}  // namespace tokenwerk::emulator::ptx
