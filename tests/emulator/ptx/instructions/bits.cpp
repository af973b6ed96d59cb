/// Logic, shifts and other work on single bits.

#include <algorithm>
#include <array>
#include <bit>
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

/// The mask of the `length` low bits.
constexpr std::uint64_t low_bits(std::uint32_t length) {
  return length >= 64 ? ~0ull : (1ull << length) - 1;
}

/// `to, a, position, length`; the field is extended by its sign, or a's where it reaches beyond.
template <typename T>
void run_extract(Warp& warp, const Instruction& in) {
  constexpr std::uint32_t width = 8 * sizeof(T);
  const T* a = warp.lanes<T>(in.from[0]);
  const std::uint32_t* positions = warp.lanes<std::uint32_t>(in.from[1]);
  const std::uint32_t* lengths = warp.lanes<std::uint32_t>(in.from[2]);
  each_lane(warp, warp.lanes<T>(in.to), [=](int lane) {
    const std::uint32_t position = positions[lane] & 255;
    const std::uint32_t length = lengths[lane] & 255;
    if (length == 0) return T{0};
    const std::uint32_t last = std::min(position + length - 1, width - 1);
    const bool sign = std::is_signed_v<T> && (a[lane] >> last & 1) != 0;
    const auto bits = static_cast<std::uint64_t>(static_cast<std::make_unsigned_t<T>>(a[lane]));
    const std::uint64_t field = position < width ? bits >> position & low_bits(length) : 0;
    const std::uint32_t known = position < width ? std::min(length, width - position) : 0;
    return static_cast<T>(sign ? field | ~low_bits(known) : field);
  });
}

void decode_bfe(Decoding& d) {
  const Type type = d.take_type();
  d.expect_operands(4);
  if (size_of(type) < 4) d.refuse("the type is not known here");
  d.out.to = d.destination(0, type);
  d.out.from[0] = d.source(1, type);
  d.out.from[1] = d.source(2, Type::b32);
  d.out.from[2] = d.source(3, Type::b32);
  d.out.run = for_integer(d, type, [](auto t) { return run_extract<decltype(t)>; });
}

/// `to, field, base, position, length`
template <typename T>
void run_insert(Warp& warp, const Instruction& in) {
  const T* fields = warp.lanes<T>(in.from[0]);
  const T* bases = warp.lanes<T>(in.from[1]);
  const std::uint32_t* positions = warp.lanes<std::uint32_t>(in.from[2]);
  const std::uint32_t* lengths = warp.lanes<std::uint32_t>(in.from[3]);
  each_lane(warp, warp.lanes<T>(in.to), [=](int lane) {
    const std::uint32_t position = positions[lane] & 255;
    if (position >= 8 * sizeof(T)) return bases[lane];
    const auto mask = static_cast<T>(low_bits(lengths[lane] & 255) << position);
    return static_cast<T>((bases[lane] & ~mask) |
                          (static_cast<T>(fields[lane] << position) & mask));
  });
}

void decode_bfi(Decoding& d) {
  const Type type = d.take_type();
  d.expect_operands(5);
  if (size_of(type) < 4) d.refuse("the type is not known here");
  d.out.to = d.destination(0, type);
  d.out.from[0] = d.source(1, type);
  d.out.from[1] = d.source(2, type);
  d.out.from[2] = d.source(3, Type::b32);
  d.out.from[3] = d.source(4, Type::b32);
  d.out.run = for_width(d, type, [](auto t) { return run_insert<decltype(t)>; });
}

struct CountOnes {
  template <typename T>
  std::uint32_t operator()(T a) const {
    return static_cast<std::uint32_t>(std::popcount(a));
  }
};
struct CountLeadingZeros {
  template <typename T>
  std::uint32_t operator()(T a) const {
    return static_cast<std::uint32_t>(std::countl_zero(a));
  }
};
struct Reverse {
  template <typename T>
  T operator()(T a) const {
    T result = 0;
    for (std::size_t i = 0; i < 8 * sizeof(T); ++i) {
      result = static_cast<T>(result << 1 | (a & 1));
      a = static_cast<T>(a >> 1);
    }
    return result;
  }
};
/// The position of the highest bit that differs from the sign; all bits set if there is none.
template <bool as_shift>
struct FindHighest {
  template <typename T>
  std::uint32_t operator()(T a) const {
    using U = std::make_unsigned_t<T>;
    const auto bits = static_cast<U>(a < 0 ? ~a : a);
    const int zeros = std::countl_zero(bits);
    if (bits == 0) return ~0u;
    return static_cast<std::uint32_t>(as_shift ? zeros
                                               : static_cast<int>(8 * sizeof(T)) - 1 - zeros);
  }
};

template <typename Op>
void decode_count(Decoding& d) {
  const Type type = d.take_type();
  d.expect_operands(2);
  d.out.to = d.destination(0, Type::b32);
  d.out.from[0] = d.source(1, type);
  d.out.run = for_width(d, type, [](auto t) { return run_unary<Op, decltype(t)>; });
}

void decode_brev(Decoding& d) {
  const Type type = d.take_type();
  set_unary(d, type);
  d.out.run = for_width(d, type, [](auto t) { return run_unary<Reverse, decltype(t)>; });
}

void decode_bfind(Decoding& d) {
  const bool as_shift = d.take("shiftamt");
  const Type type = d.take_type();
  d.expect_operands(2);
  d.out.to = d.destination(0, Type::b32);
  d.out.from[0] = d.source(1, type);
  d.out.run =
      as_shift
          ? for_integer(d, type, [](auto t) { return run_unary<FindHighest<true>, decltype(t)>; })
          : for_integer(d, type, [](auto t) { return run_unary<FindHighest<false>, decltype(t)>; });
}

/// The n-th set bit from a position: upwards for n > 0, downwards for n < 0.
struct FindNth {
  std::uint32_t operator()(std::uint32_t mask, std::uint32_t base, std::uint32_t offset) const {
    const auto n = static_cast<std::int32_t>(offset);
    if (n == 0) return (mask >> (base & 31) & 1) != 0 ? base : ~0u;
    int left = n < 0 ? -n : n;
    for (auto at = static_cast<std::int32_t>(base); at >= 0 && at < 32; at += n < 0 ? -1 : 1)
      if ((mask >> at & 1) != 0 && --left == 0) return static_cast<std::uint32_t>(at);
    return ~0u;
  }
};

void decode_fns(Decoding& d) {
  set_ternary(d, d.take_type());
  d.out.run = run_ternary<FindNth, std::uint32_t>;
}

/// The sum of the products of four bytes.
template <typename A, typename B>
struct DotOfBytes {
  std::uint32_t operator()(std::uint32_t a, std::uint32_t b, std::uint32_t sum) const {
    for (unsigned i = 0; i < 32; i += 8)
      sum += static_cast<std::uint32_t>(static_cast<A>(a >> i) * static_cast<B>(b >> i));
    return sum;
  }
};

void decode_dp4a(Decoding& d) {
  const bool a = is_signed(d.take_type());
  const bool b = is_signed(d.take_type());
  set_ternary(d, Type::b32);
  using I = std::int8_t;
  using U = std::uint8_t;
  using T = std::uint32_t;
  d.out.run = a ? (b ? run_ternary<DotOfBytes<I, I>, T> : run_ternary<DotOfBytes<I, U>, T>)
                : (b ? run_ternary<DotOfBytes<U, I>, T> : run_ternary<DotOfBytes<U, U>, T>);
}

constexpr std::array<Opcode, 17> opcodes{{{"and", decode_logic<And>},
                                          {"or", decode_logic<Or>},
                                          {"xor", decode_logic<ExclusiveOr>},
                                          {"not", decode_not},
                                          {"shl", decode_shift<true>},
                                          {"shr", decode_shift<false>},
                                          {"shf", decode_shf},
                                          {"lop3", decode_lop3},
                                          {"prmt", decode_prmt},
                                          {"bfe", decode_bfe},
                                          {"bfi", decode_bfi},
                                          {"popc", decode_count<CountOnes>},
                                          {"clz", decode_count<CountLeadingZeros>},
                                          {"brev", decode_brev},
                                          {"bfind", decode_bfind},
                                          {"fns", decode_fns},
                                          {"dp4a", decode_dp4a}}};

}  // namespace

std::span<const Opcode> bit_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
