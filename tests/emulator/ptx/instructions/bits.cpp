/// Fields of bits, counts and searches.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/arithmetic.h"
#include "tests/emulator/ptx/lanes.h"

namespace tokenwerk::emulator::ptx {
namespace {

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

constexpr std::array<Opcode, 8> opcodes{{{"bfe", decode_bfe},
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
