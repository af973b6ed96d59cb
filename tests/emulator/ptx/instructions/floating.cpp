/// Floating-point arithmetic: what IEEE 754 rounds exactly, and the approximations, which are
/// computed exactly and rounded once.

#include "tests/emulator/ptx/instructions/floating.h"

#include <array>

#include "tests/emulator/ptx/instructions/arithmetic.h"

namespace tokenwerk::emulator::ptx {
namespace {

struct Add {
  template <typename C>
  C operator()(C a, C b) const {
    return a + b;
  }
};
struct Subtract {
  template <typename C>
  C operator()(C a, C b) const {
    return a - b;
  }
};
struct Multiply {
  template <typename C>
  C operator()(C a, C b) const {
    return a * b;
  }
};
struct MultiplyAdd {
  float operator()(float a, float b, float c) const { return __builtin_fmaf(a, b, c); }
  double operator()(double a, double b, double c) const { return __builtin_fma(a, b, c); }
};
struct Divide {
  template <typename C>
  C operator()(C a, C b) const {
    return a / b;
  }
};
/// Of a NaN and a number the number; -0 is less than +0.
struct Minimum {
  template <typename C>
  C operator()(C a, C b) const {
    if (a != a) return b;
    if (b != b) return a;
    if (a == b) return std::signbit(a) ? a : b;
    return a < b ? a : b;
  }
};
struct Maximum {
  template <typename C>
  C operator()(C a, C b) const {
    if (a != a) return b;
    if (b != b) return a;
    if (a == b) return std::signbit(a) ? b : a;
    return a > b ? a : b;
  }
};
/// With .NaN, a NaN wins.
template <typename Op>
struct WithNaN {
  template <typename C>
  C operator()(C a, C b) const {
    return a != a || b != b ? a + b : Op{}(a, b);
  }
};
struct SquareRoot {
  template <typename C>
  C operator()(C a) const {
    return std::sqrt(a);
  }
};
struct Reciprocal {
  template <typename C>
  C operator()(C a) const {
    return C{1} / a;
  }
};
struct ReciprocalRoot {
  double operator()(double a) const { return 1 / std::sqrt(a); }
};
struct PowerOfTwo {
  double operator()(double a) const { return std::exp2(a); }
};
struct LogarithmOfTwo {
  double operator()(double a) const { return std::log2(a); }
};
struct Sine {
  double operator()(double a) const { return std::sin(a); }
};
struct Cosine {
  double operator()(double a) const { return std::cos(a); }
};
struct HyperbolicTangent {
  double operator()(double a) const { return std::tanh(a); }
};

/// neg and abs change the sign alone, of NaN too.
template <typename T, bool to_positive>
void run_sign(Warp& warp, const Instruction& in) {
  const T* a = warp.lanes<T>(in.from[0]);
  const auto sign = static_cast<T>(in.value);
  each_lane(warp, warp.lanes<T>(in.to), [=](int lane) {
    return static_cast<T>(to_positive ? a[lane] & ~sign : a[lane] ^ sign);
  });
}

struct NegateFlushed {
  template <typename C>
  C operator()(C a) const {
    return -a;
  }
};
struct AbsoluteFlushed {
  template <typename C>
  C operator()(C a) const {
    return std::fabs(a);
  }
};

template <bool to_positive>
void decode_sign(Decoding& d, Type type) {
  if (d.take("ftz"))
    return decode_float<std::conditional_t<to_positive, AbsoluteFlushed, NegateFlushed>, 1>(
        d, type, {.flushes = true});
  const bool is_pair = type == Type::f16x2 || type == Type::bf16x2;
  if (!is_float(type) && !is_pair) d.refuse("the type is not known here");
  set_unary(d, type);
  d.out.value = is_pair ? 0x80008000 : static_cast<std::int64_t>(1ull << (8 * size_of(type) - 1));
  d.out.run = for_width(d, type, [](auto t) { return run_sign<decltype(t), to_positive>; });
}

/// .full and .approx division, .approx functions: computed as exactly as the rounded ones.
template <typename Op>
void decode_function(Decoding& d) {
  d.take("approx");
  const FloatMode mode = take_float_mode(d);
  decode_float<Op, 1>(d, d.take_type(), mode);
}

template <typename Op>
void decode_extreme(Decoding& d, Type type) {
  const bool keeps_nan = d.take("NaN");
  const FloatMode mode = take_float_mode(d);
  keeps_nan ? decode_float<WithNaN<Op>, 2>(d, type, mode) : decode_float<Op, 2>(d, type, mode);
}

void decode_fma(Decoding& d) {
  const FloatMode mode = take_float_mode(d);
  decode_float<MultiplyAdd, 3>(d, d.take_type(), mode);
}

/// `to, a, b`: b with the sign of a.
template <typename T>
void run_copysign(Warp& warp, const Instruction& in) {
  const T* a = warp.lanes<T>(in.from[0]);
  const T* b = warp.lanes<T>(in.from[1]);
  constexpr T sign = static_cast<T>(T{1} << (8 * sizeof(T) - 1));
  each_lane(warp, warp.lanes<T>(in.to),
            [=](int lane) { return static_cast<T>((a[lane] & sign) | (b[lane] & ~sign)); });
}

void decode_copysign(Decoding& d) {
  const Type type = d.take_type();
  if (type != Type::f32 && type != Type::f64) d.refuse("the type is not known here");
  set_binary(d, type);
  d.out.run = for_width(d, type, [](auto t) { return run_copysign<decltype(t)>; });
}

constexpr std::array<Opcode, 10> opcodes{{{"fma", decode_fma},
                                          {"sqrt", decode_function<SquareRoot>},
                                          {"rcp", decode_function<Reciprocal>},
                                          {"rsqrt", decode_function<ReciprocalRoot>},
                                          {"ex2", decode_function<PowerOfTwo>},
                                          {"lg2", decode_function<LogarithmOfTwo>},
                                          {"sin", decode_function<Sine>},
                                          {"cos", decode_function<Cosine>},
                                          {"tanh", decode_function<HyperbolicTangent>},
                                          {"copysign", decode_copysign}}};

}  // namespace

FloatMode take_float_mode(Decoding& decoding) {
  FloatMode mode;
  mode.flushes = decoding.take("ftz");
  mode.saturates = decoding.take("sat");
  mode.clips = decoding.take("relu");
  const int rounding = decoding.take_one_of({"rn", "rz", "rm", "rp"});
  if (rounding > 0) mode.rounding = static_cast<Rounding>(rounding);
  return mode;
}

void decode_float_add(Decoding& d, Type type) { decode_float<Add, 2>(d, type, take_float_mode(d)); }
void decode_float_sub(Decoding& d, Type type) {
  decode_float<Subtract, 2>(d, type, take_float_mode(d));
}
void decode_float_mul(Decoding& d, Type type) {
  decode_float<Multiply, 2>(d, type, take_float_mode(d));
}
void decode_float_fma(Decoding& d, Type type) {
  decode_float<MultiplyAdd, 3>(d, type, take_float_mode(d));
}
void decode_float_div(Decoding& d, Type type) {
  d.ignore({"approx", "full"});
  decode_float<Divide, 2>(d, type, take_float_mode(d));
}
void decode_float_min(Decoding& d, Type type) { decode_extreme<Minimum>(d, type); }
void decode_float_max(Decoding& d, Type type) { decode_extreme<Maximum>(d, type); }
void decode_float_neg(Decoding& d, Type type) { decode_sign<false>(d, type); }
void decode_float_abs(Decoding& d, Type type) { decode_sign<true>(d, type); }

std::span<const Opcode> float_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
