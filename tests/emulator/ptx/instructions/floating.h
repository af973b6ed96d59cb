#pragma once
/// How floating-point handlers are put together: an operation, a type, and what the modifiers ask.

#include <cfenv>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/formats.h"
#include "tests/emulator/ptx/lanes.h"

namespace tokenwerk::emulator::ptx {

/// What modifiers ask of every operand and result. Kept in `Instruction::value`.
struct FloatMode {
  bool flushes = false;    ///< .ftz: subnormals are zeros
  bool saturates = false;  ///< .sat: into [0, 1], NaN becomes 0
  bool clips = false;      ///< .relu: negative values become 0
  Rounding rounding = Rounding::nearest_even;

  [[nodiscard]] bool is_plain() const {
    return !flushes && !saturates && !clips && rounding == Rounding::nearest_even;
  }
  [[nodiscard]] std::int64_t packed() const {
    return (flushes ? 1 : 0) | (saturates ? 2 : 0) | (clips ? 4 : 0) |
           static_cast<std::int64_t>(rounding) << 3;
  }
  [[nodiscard]] static FloatMode unpacked(std::int64_t value) {
    return {(value & 1) != 0, (value & 2) != 0, (value & 4) != 0,
            static_cast<Rounding>(value >> 3)};
  }
};

/// Takes .rn .rz .rm .rp .ftz .sat .relu.
[[nodiscard]] FloatMode take_float_mode(Decoding& decoding);

/// The host rounds like the instruction while this lives; outside, it rounds to nearest.
class HostRounding {
 public:
  explicit HostRounding(Rounding rounding) : is_changed_(rounding != Rounding::nearest_even) {
    constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD, FE_TONEAREST};
    if (is_changed_) std::fesetround(modes[static_cast<int>(rounding)]);
  }
  ~HostRounding() {
    if (is_changed_) std::fesetround(FE_TONEAREST);
  }
  HostRounding(const HostRounding&) = delete;
  HostRounding& operator=(const HostRounding&) = delete;

 private:
  bool is_changed_;
};

/// The type in which values of T are computed.
template <typename T>
using Computed = decltype(widen(T{}));

template <typename T>
[[nodiscard]] T flushed(T value) {
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(T{0}, value) : value;
}

/// The value of an operand; f32 operands with .ftz lose their subnormals.
template <typename T>
[[nodiscard, gnu::always_inline]] inline Computed<T> operand_value(T value, const FloatMode& mode) {
  const Computed<T> wide = widen(value);
  return mode.flushes ? flushed(wide) : wide;
}

/// NaN as GPUs write it, whichever one the host made.
template <typename T>
[[nodiscard]] T with_canonical_nan(T value) {
  if constexpr (sizeof(T) == 4) {
    return value != value ? std::bit_cast<float>(0x7fffffffu) : value;
  } else {
    return value != value ? std::bit_cast<double>(0x7ff8000000000000ull) : value;
  }
}

/// The stored form of a result. Inlined by force: the loops over lanes are to become vectors.
template <typename T>
[[nodiscard, gnu::always_inline]] inline T finished(Computed<T> value, const FloatMode& mode) {
  using C = Computed<T>;
  if (mode.saturates) value = value > 0 ? (value < 1 ? value : C{1}) : C{0};
  if (mode.clips && value < 0) value = 0;
  if (mode.flushes) value = flushed(value);
  if constexpr (std::is_floating_point_v<T>) return with_canonical_nan(value);
  return round_to<T>(value);
}

/// Two narrow values in one register.
template <typename T>
struct Pair {
  T low;
  T high;
};
template <typename T>
inline constexpr bool is_pair = false;
template <typename T>
inline constexpr bool is_pair<Pair<T>> = true;

/// One result of an operation whose operands are all of type T.
template <typename Op, typename T, typename... Rest>
[[nodiscard, gnu::always_inline]] inline T compute(const FloatMode& mode, T a, Rest... rest) {
  if constexpr (is_pair<T>)
    return {compute<Op>(mode, a.low, rest.low...), compute<Op>(mode, a.high, rest.high...)};
  else
    return finished<T>(
        static_cast<Computed<T>>(Op{}(operand_value(a, mode), operand_value(rest, mode)...)), mode);
}

/// Handler of an operation with `count` operands. `is_plain`: nothing but round to nearest.
template <typename Op, typename T, int count, bool is_plain>
void run_float(Warp& warp, const Instruction& in) {
  const FloatMode mode = is_plain ? FloatMode{} : FloatMode::unpacked(in.value);
  const T* a = warp.lanes<T>(in.from[0]);
  [[maybe_unused]] const T* b = warp.lanes<T>(in.from[1]);
  [[maybe_unused]] const T* c = warp.lanes<T>(in.from[2]);
  T* to = warp.lanes<T>(in.to);
  const auto all = [&](const FloatMode m) {
    each_lane(warp, to, [=](int lane) {
      if constexpr (count == 1) return compute<Op>(m, a[lane]);
      if constexpr (count == 2) return compute<Op>(m, a[lane], b[lane]);
      if constexpr (count == 3) return compute<Op>(m, a[lane], b[lane], c[lane]);
    });
  };
  if constexpr (is_plain) return all({});
  const HostRounding rounding(mode.rounding);
  all(mode);
}

template <typename Op, typename T, int count>
[[nodiscard]] Handler choose_plain(const FloatMode& mode) {
  return mode.is_plain() ? run_float<Op, T, count, true> : run_float<Op, T, count, false>;
}

/// Decodes the operands of an operation for any floating-point type; the type is already taken.
template <typename Op, int count>
void decode_float(Decoding& d, Type type, const FloatMode& mode) {
  d.expect_operands(count + 1);
  switch (type) {
    case Type::f32: d.out.run = choose_plain<Op, float, count>(mode); break;
    case Type::f64: d.out.run = choose_plain<Op, double, count>(mode); break;
    case Type::f16: d.out.run = choose_plain<Op, Half, count>(mode); break;
    case Type::bf16: d.out.run = choose_plain<Op, BFloat, count>(mode); break;
    case Type::f16x2: d.out.run = choose_plain<Op, Pair<Half>, count>(mode); break;
    case Type::bf16x2: d.out.run = choose_plain<Op, Pair<BFloat>, count>(mode); break;
    default: d.refuse("the type is not known here");
  }
  const bool is_narrow = type != Type::f32 && type != Type::f64;
  if (is_narrow && mode.rounding != Rounding::nearest_even) d.refuse("only .rn exists here");
  d.out.value = mode.packed();
  d.out.to = d.destination(0, type);
  for (std::size_t i = 0; i < count; ++i) d.out.from[i] = d.source(i + 1, type);
}

}  // namespace tokenwerk::emulator::ptx
