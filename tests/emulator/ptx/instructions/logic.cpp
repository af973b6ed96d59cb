/// Logic, shifts and permutations of bytes.

#include <algorithm>
#include <array>
#include <cstdint>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/arithmetic.h"
#include "tests/emulator/ptx/lanes.h"

namespace tokenwerk::emulator::ptx {
namespace {

struct And {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(a & b);
  }
};
struct Or {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(a | b);
  }
};
struct ExclusiveOr {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(a ^ b);
  }
};
struct Not {
  template <typename T>
  T operator()(T a) const {
    return static_cast<T>(~a);
  }
};

/// On predicates: all lanes at once.
template <typename Op>
void run_on_masks(Warp& warp, const Instruction& in) {
  const std::uint32_t result = Op{}(warp.predicate(in.from[0]), warp.predicate(in.from[1]));
  std::uint32_t& to = warp.predicate(in.to);
  to = (to & ~warp.active()) | (result & warp.active());
}

template <typename Op>
void decode_logic(Decoding& d) {
  const Type type = d.take_type();
  d.out.run = type == Type::pred
                  ? run_on_masks<Op>
                  : for_width(d, type, [](auto t) { return run_binary<Op, decltype(t)>; });
  set_binary(d, type);
}

void decode_not(Decoding& d) {
  const Type type = d.take_type();
  set_unary(d, type);
  if (type == Type::pred) {
    d.out.run = run_on_masks<ExclusiveOr>;
    d.out.from[1] = d.constant(1, 1);
    return;
  }
  d.out.run = for_width(d, type, [](auto t) { return run_unary<Not, decltype(t)>; });
}

/// Shifts by the width or more give 0, or the sign.
template <typename T, bool is_left>
void run_shift(Warp& warp, const Instruction& in) {
  constexpr std::uint32_t width = 8 * sizeof(T);
  const T* a = warp.lanes<T>(in.from[0]);
  const std::uint32_t* by = warp.lanes<std::uint32_t>(in.from[1]);
  each_lane(warp, warp.lanes<T>(in.to), [=](int lane) {
    const std::uint32_t amount = std::min(by[lane], width - 1);
    if constexpr (std::is_signed_v<T>) return static_cast<T>(a[lane] >> amount);
    const T shifted = static_cast<T>(is_left ? a[lane] << amount : a[lane] >> amount);
    return by[lane] < width ? shifted : T{0};
  });
}

template <bool is_left>
void decode_shift(Decoding& d) {
  const Type type = d.take_type();
  d.expect_operands(3);
  d.out.to = d.destination(0, type);
  d.out.from[0] = d.source(1, type);
  d.out.from[1] = d.source(2, Type::b32);
  d.out.run = !is_left && is_signed(type)
                  ? for_integer(d, type, [](auto t) { return run_shift<decltype(t), false>; })
                  : for_width(d, type, [](auto t) { return run_shift<decltype(t), is_left>; });
}

template <bool is_left, bool wraps>
struct FunnelShift {
  std::uint32_t operator()(std::uint32_t low, std::uint32_t high, std::uint32_t by) const {
    const std::uint64_t both = static_cast<std::uint64_t>(high) << 32 | low;
    const std::uint32_t amount = wraps ? by & 31 : std::min(by, 32u);
    return static_cast<std::uint32_t>(is_left ? (both << amount) >> 32 : both >> amount);
  }
};

void decode_shf(Decoding& d) {
  const int direction = d.take_one_of({"l", "r"});
  const int mode = d.take_one_of({"clamp", "wrap"});
  if (direction < 0 || mode < 0) d.refuse("direction or mode is missing");
  set_ternary(d, d.take_type());
  using T = std::uint32_t;
  d.out.run = direction == 0 ? (mode == 0 ? run_ternary<FunnelShift<true, false>, T>
                                          : run_ternary<FunnelShift<true, true>, T>)
                             : (mode == 0 ? run_ternary<FunnelShift<false, false>, T>
                                          : run_ternary<FunnelShift<false, true>, T>);
}

/// The sum of those products of a, b, c and their complements that the table names.
void run_lookup(Warp& warp, const Instruction& in) {
  const std::uint32_t* a = warp.lanes<std::uint32_t>(in.from[0]);
  const std::uint32_t* b = warp.lanes<std::uint32_t>(in.from[1]);
  const std::uint32_t* c = warp.lanes<std::uint32_t>(in.from[2]);
  std::array<std::uint32_t, 8> keep{};
  for (std::size_t i = 0; i < 8; ++i) keep[i] = (in.value >> i & 1) != 0 ? ~0u : 0;
  each_lane(warp, warp.lanes<std::uint32_t>(in.to), [=](int lane) {
    const std::uint32_t x = a[lane];
    const std::uint32_t y = b[lane];
    const std::uint32_t z = c[lane];
    return (keep[0] & ~x & ~y & ~z) | (keep[1] & ~x & ~y & z) | (keep[2] & ~x & y & ~z) |
           (keep[3] & ~x & y & z) | (keep[4] & x & ~y & ~z) | (keep[5] & x & ~y & z) |
           (keep[6] & x & y & ~z) | (keep[7] & x & y & z);
  });
}

void decode_lop3(Decoding& d) {
  const Type type = d.take_type();
  d.expect_operands(5);
  if (type != Type::b32) d.refuse("the type is not known here");
  d.out.to = d.destination(0, type);
  for (std::size_t i = 0; i < 3; ++i) d.out.from[i] = d.source(i + 1, type);
  d.out.value = static_cast<std::int64_t>(d.number(4, Type::b32));
  d.out.run = run_lookup;
}

struct Permute {
  std::uint32_t operator()(std::uint32_t a, std::uint32_t b, std::uint32_t selector) const {
    const std::uint64_t bytes = static_cast<std::uint64_t>(b) << 32 | a;
    std::uint32_t result = 0;
    for (unsigned i = 0; i < 4; ++i) {
      const std::uint32_t choice = selector >> (4 * i) & 15;
      const auto byte = static_cast<std::uint32_t>(bytes >> (8 * (choice & 7)) & 255);
      const std::uint32_t repeated_sign = (byte & 128) != 0 ? 255 : 0;
      result |= ((choice & 8) != 0 ? repeated_sign : byte) << (8 * i);
    }
    return result;
  }
};

void decode_prmt(Decoding& d) {
  set_ternary(d, d.take_type());
  d.out.run = run_ternary<Permute, std::uint32_t>;
}

constexpr std::array<Opcode, 9> opcodes{{{"and", decode_logic<And>},
                                         {"or", decode_logic<Or>},
                                         {"xor", decode_logic<ExclusiveOr>},
                                         {"not", decode_not},
                                         {"shl", decode_shift<true>},
                                         {"shr", decode_shift<false>},
                                         {"shf", decode_shf},
                                         {"lop3", decode_lop3},
                                         {"prmt", decode_prmt}}};

}  // namespace

std::span<const Opcode> logic_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
