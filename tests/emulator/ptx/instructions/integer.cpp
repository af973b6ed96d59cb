/// Integer arithmetic, and the opcodes that integers share with floating point.

#include <array>
#include <bit>
#include <cstdint>
#include <limits>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/arithmetic.h"
#include "tests/emulator/ptx/lanes.h"

namespace tokenwerk::emulator::ptx {
namespace {

/// Twice as wide as T, also for 64 bits.
template <typename T>
using Product =
    std::conditional_t<sizeof(T) == 8,
                       std::conditional_t<std::is_signed_v<T>, Signed128, Unsigned128>, Wider<T>>;

template <typename T>
T high_half(T a, T b) {
  return static_cast<T>((static_cast<Product<T>>(a) * b) >> (8 * sizeof(T)));
}

struct Add {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(a + b);
  }
};
struct Subtract {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(a - b);
  }
};
struct MultiplyLow {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Wider<T>>(a) * b);
  }
};
struct MultiplyHigh {
  template <typename T>
  T operator()(T a, T b) const {
    return high_half(a, b);
  }
};
struct MultiplyWide {
  template <typename T>
  Wider<T> operator()(T a, T b) const {
    return static_cast<Wider<T>>(static_cast<Wider<T>>(a) * static_cast<Wider<T>>(b));
  }
};
struct MultiplyAddLow {
  template <typename T>
  T operator()(T a, T b, T c) const {
    return static_cast<T>(static_cast<Wider<T>>(a) * b + c);
  }
};
struct MultiplyAddHigh {
  template <typename T>
  T operator()(T a, T b, T c) const {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(static_cast<U>(high_half(a, b)) + static_cast<U>(c)));
  }
};
/// The result of a division by zero is what GPUs give: all bits set, and the dividend as the rest.
struct Divide {
  template <typename T>
  T operator()(T a, T b) const {
    if (b == 0) return static_cast<T>(~T{0});
    if (std::is_signed_v<T> && b == static_cast<T>(-1))
      return static_cast<T>(T{0} - static_cast<std::make_unsigned_t<T>>(a));
    return static_cast<T>(a / b);
  }
};
struct Remainder {
  template <typename T>
  T operator()(T a, T b) const {
    if (b == 0) return a;
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return 0;
    return static_cast<T>(a % b);
  }
};
struct Minimum {
  template <typename T>
  T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};
struct Maximum {
  template <typename T>
  T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};
struct Negate {
  template <typename T>
  T operator()(T a) const {
    return static_cast<T>(T{0} - a);
  }
};
struct Absolute {
  template <typename T>
  T operator()(T a) const {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(a < 0 ? static_cast<U>(U{0} - static_cast<U>(a)) : static_cast<U>(a));
  }
};
template <typename Op>
struct InHalves {
  std::uint32_t operator()(std::uint32_t a, std::uint32_t b) const {
    using T = decltype(Op::element);
    const auto low = Op{}.apply(static_cast<T>(a), static_cast<T>(b));
    const auto high = Op{}.apply(static_cast<T>(a >> 16), static_cast<T>(b >> 16));
    return static_cast<std::uint16_t>(low) |
           static_cast<std::uint32_t>(static_cast<std::uint16_t>(high)) << 16;
  }
};
template <typename Op, typename T>
struct Half {
  static constexpr T element{};
  T apply(T a, T b) const { return Op{}(a, b); }
};

bool is_integer(Type type) { return type >= Type::u16 && type <= Type::s64 && type != Type::s8; }

/// For wrap-around arithmetic the sign makes no difference; signed overflow is left to unsigned.
template <typename Op>
void decode_wrapping(Decoding& d, Type type) {
  d.expect_operands(3);
  d.out.run = for_width(d, type, [](auto t) { return run_binary<Op, decltype(t)>; });
  set_binary(d, type);
}

template <typename Op>
void decode_signed(Decoding& d, Type type) {
  d.expect_operands(3);
  d.out.run = for_integer(d, type, [](auto t) { return run_binary<Op, decltype(t)>; });
  set_binary(d, type);
}

template <typename Op>
void decode_pair(Decoding& d, Type type) {
  d.expect_operands(3);
  d.out.run = type == Type::u16x2 ? run_binary<InHalves<Half<Op, std::uint16_t>>, std::uint32_t>
                                  : run_binary<InHalves<Half<Op, std::int16_t>>, std::uint32_t>;
  set_binary(d, type);
}

bool is_pair(Type type) { return type == Type::u16x2 || type == Type::s16x2; }

void decode_add(Decoding& d) {
  if (decode_carry_add(d)) return;
  const Type type = d.take_type();
  if (is_pair(type)) return decode_pair<Add>(d, type);
  if (!is_integer(type)) return decode_float_add(d, type);
  if (d.take("sat")) d.refuse("saturating integer arithmetic is not known");
  decode_wrapping<Add>(d, type);
}

void decode_sub(Decoding& d) {
  if (decode_carry_sub(d)) return;
  const Type type = d.take_type();
  if (is_pair(type)) return decode_pair<Subtract>(d, type);
  if (!is_integer(type)) return decode_float_sub(d, type);
  if (d.take("sat")) d.refuse("saturating integer arithmetic is not known");
  decode_wrapping<Subtract>(d, type);
}

Type widened(Type type) {
  switch (type) {
    case Type::u16: return Type::u32;
    case Type::s16: return Type::s32;
    case Type::u32: return Type::u64;
    default: return Type::s64;
  }
}

void set_widening(Decoding& d, Type type) {
  d.out.to = d.destination(0, widened(type));
  d.out.from[0] = d.source(1, type);
  d.out.from[1] = d.source(2, type);
}

void decode_mul(Decoding& d) {
  const Type type = d.take_type();
  if (!is_integer(type)) return decode_float_mul(d, type);
  const int part = d.take_one_of({"lo", "hi", "wide"});
  if (part < 0) d.refuse("lo, hi or wide is missing");
  if (part == 0) return decode_wrapping<MultiplyLow>(d, type);
  if (part == 1) return decode_signed<MultiplyHigh>(d, type);
  d.expect_operands(3);
  d.out.run =
      for_narrow_integer(d, type, [](auto t) { return run_binary<MultiplyWide, decltype(t)>; });
  set_widening(d, type);
}

template <typename T>
void run_multiply_add_wide(Warp& warp, const Instruction& in) {
  const T* a = warp.lanes<T>(in.from[0]);
  const T* b = warp.lanes<T>(in.from[1]);
  using U = std::make_unsigned_t<Wider<T>>;
  const U* c = warp.lanes<U>(in.from[2]);
  each_lane(warp, warp.lanes<U>(in.to), [=](int lane) {
    return static_cast<U>(static_cast<U>(MultiplyWide{}(a[lane], b[lane])) + c[lane]);
  });
}

void decode_mad(Decoding& d) {
  if (decode_carry_mad(d)) return;
  const Type type = d.take_type();
  if (!is_integer(type)) return decode_float_fma(d, type);
  const int part = d.take_one_of({"lo", "hi", "wide"});
  if (part < 0) d.refuse("lo, hi or wide is missing");
  d.expect_operands(4);
  if (part == 2) {
    d.out.run =
        for_narrow_integer(d, type, [](auto t) { return run_multiply_add_wide<decltype(t)>; });
    set_widening(d, type);
    d.out.from[2] = d.source(3, widened(type));
    return;
  }
  set_ternary(d, type);
  d.out.run =
      part == 0
          ? for_width(d, type, [](auto t) { return run_ternary<MultiplyAddLow, decltype(t)>; })
          : for_integer(d, type, [](auto t) { return run_ternary<MultiplyAddHigh, decltype(t)>; });
}

void decode_div(Decoding& d) {
  const Type type = d.take_type();
  if (!is_integer(type)) return decode_float_div(d, type);
  decode_signed<Divide>(d, type);
}

void decode_rem(Decoding& d) { decode_signed<Remainder>(d, d.take_type()); }

void decode_min(Decoding& d) {
  const Type type = d.take_type();
  if (is_pair(type)) return decode_pair<Minimum>(d, type);
  if (!is_integer(type)) return decode_float_min(d, type);
  decode_signed<Minimum>(d, type);
}

void decode_max(Decoding& d) {
  const Type type = d.take_type();
  if (is_pair(type)) return decode_pair<Maximum>(d, type);
  if (!is_integer(type)) return decode_float_max(d, type);
  decode_signed<Maximum>(d, type);
}

void decode_neg(Decoding& d) {
  const Type type = d.take_type();
  if (!is_integer(type)) return decode_float_neg(d, type);
  d.out.run = for_width(d, type, [](auto t) { return run_unary<Negate, decltype(t)>; });
  set_unary(d, type);
}

void decode_abs(Decoding& d) {
  const Type type = d.take_type();
  if (!is_integer(type)) return decode_float_abs(d, type);
  if (!is_signed(type)) d.refuse("abs is for signed types");
  d.out.run = for_integer(d, type, [](auto t) { return run_unary<Absolute, decltype(t)>; });
  set_unary(d, type);
}

constexpr std::array<Opcode, 10> opcodes{{{"add", decode_add},
                                          {"sub", decode_sub},
                                          {"mul", decode_mul},
                                          {"mad", decode_mad},
                                          {"div", decode_div},
                                          {"rem", decode_rem},
                                          {"min", decode_min},
                                          {"max", decode_max},
                                          {"neg", decode_neg},
                                          {"abs", decode_abs}}};

}  // namespace

std::span<const Opcode> integer_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
