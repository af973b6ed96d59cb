#pragma once
/// What the files of this folder share: handlers by type, and the decoders of opcodes that have
/// both integer and floating-point forms.

#include <cstdint>
#include <type_traits>

#include "tests/emulator/ptx/decoding.h"

namespace tokenwerk::emulator::ptx {

__extension__ using Signed128 = __int128;
__extension__ using Unsigned128 = unsigned __int128;

/// An integer of 32 or 64 bits with the sign of T, twice as wide if there is one.
template <typename T>
using Wider =
    std::conditional_t<sizeof(T) == 2,
                       std::conditional_t<std::is_signed_v<T>, std::int32_t, std::uint32_t>,
                       std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;

/// The handler that `choose` makes for the unsigned type of the width.
template <typename Choose>
Handler for_width(const Decoding& d, Type type, Choose choose) {
  switch (size_of(type)) {
    case 2: return choose(std::uint16_t{});
    case 4: return choose(std::uint32_t{});
    case 8: return choose(std::uint64_t{});
    default: d.refuse("the type is not known here");
  }
}

/// The handler for an integer of 16 or 32 bits, with its sign.
template <typename Choose>
Handler for_narrow_integer(const Decoding& d, Type type, Choose choose) {
  switch (type) {
    case Type::u16: return choose(std::uint16_t{});
    case Type::s16: return choose(std::int16_t{});
    case Type::u32: return choose(std::uint32_t{});
    case Type::s32: return choose(std::int32_t{});
    default: d.refuse("the type is not known here");
  }
}

/// The handler for an integer, with its sign.
template <typename Choose>
Handler for_integer(const Decoding& d, Type type, Choose choose) {
  if (type == Type::u64) return choose(std::uint64_t{});
  if (type == Type::s64) return choose(std::int64_t{});
  return for_narrow_integer(d, type, choose);
}

/// Operands `to, a`, `to, a, b` and `to, a, b, c` of one type.
inline void set_unary(Decoding& d, Type type) {
  d.expect_operands(2);
  d.out.to = d.destination(0, type);
  d.out.from[0] = d.source(1, type);
}

inline void set_binary(Decoding& d, Type type) {
  d.expect_operands(3);
  d.out.to = d.destination(0, type);
  d.out.from[0] = d.source(1, type);
  d.out.from[1] = d.source(2, type);
}

inline void set_ternary(Decoding& d, Type type) {
  d.expect_operands(4);
  d.out.to = d.destination(0, type);
  d.out.from[0] = d.source(1, type);
  d.out.from[1] = d.source(2, type);
  d.out.from[2] = d.source(3, type);
}

/// Each takes what follows the opcode and the type, for floating-point types.
void decode_float_add(Decoding& d, Type type);
void decode_float_sub(Decoding& d, Type type);
void decode_float_mul(Decoding& d, Type type);
void decode_float_fma(Decoding& d, Type type);
void decode_float_div(Decoding& d, Type type);
void decode_float_min(Decoding& d, Type type);
void decode_float_max(Decoding& d, Type type);
void decode_float_neg(Decoding& d, Type type);
void decode_float_abs(Decoding& d, Type type);

/// Each decodes the form with .cc, which leaves a carry; false if there is no .cc.
bool decode_carry_add(Decoding& d);
bool decode_carry_sub(Decoding& d);
bool decode_carry_mad(Decoding& d);

/// `mov` from a counter of time, whose value is the number of instructions run; false if it is not.
bool decode_clock(Decoding& d, Type type);

}  // namespace tokenwerk::emulator::ptx
