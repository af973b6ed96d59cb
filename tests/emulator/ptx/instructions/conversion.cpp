/// cvt: between integers, floating-point formats and pairs of narrow values.

#include <array>
#include <cmath>
#include <limits>

#include "tests/emulator/ptx/instructions/conversion.h"
#include "tests/emulator/ptx/instructions/floating.h"

namespace tokenwerk::emulator::ptx {
namespace {

std::int64_t integer_of(std::uint64_t bits, Type type) {
  switch (type) {
    case Type::s8: return static_cast<std::int8_t>(bits);
    case Type::s16: return static_cast<std::int16_t>(bits);
    case Type::s32: return static_cast<std::int32_t>(bits);
    case Type::u8:
    case Type::b8: return static_cast<std::uint8_t>(bits);
    case Type::u16: return static_cast<std::uint16_t>(bits);
    case Type::u32: return static_cast<std::uint32_t>(bits);
    default: return static_cast<std::int64_t>(bits);
  }
}

double float_of(std::uint64_t bits, Type type) {
  switch (type) {
    case Type::f32: return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    case Type::f64: return std::bit_cast<double>(bits);
    case Type::bf16: return widen(BFloat{static_cast<std::uint16_t>(bits)});
    default: return widen(Half{static_cast<std::uint16_t>(bits)});
  }
}

double to_integral(double value, Rounding rounding) {
  switch (rounding) {
    case Rounding::to_zero: return std::trunc(value);
    case Rounding::down: return std::floor(value);
    case Rounding::up: return std::ceil(value);
    case Rounding::nearest_away: return std::round(value);
    default: return std::nearbyint(value);
  }
}

/// Out of range: the nearest number of the type. NaN: 0, but 2^63 for types of 64 bits, as GPUs do.
std::uint64_t float_to_integer(double value, const Conversion& c) {
  const std::size_t width = 8 * size_of(c.to);
  if (std::isnan(value)) return width == 64 ? 1ull << 63 : 0;
  const double whole = to_integral(value, c.rounding);
  if (is_signed(c.to)) {
    const double limit = std::ldexp(1.0, static_cast<int>(width) - 1);
    const auto largest = static_cast<std::int64_t>(~0ull >> (65 - width));
    if (whole >= limit) return static_cast<std::uint64_t>(largest);
    if (whole < -limit) return static_cast<std::uint64_t>(-largest - 1);
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(whole));
  }
  if (whole >= std::ldexp(1.0, static_cast<int>(width))) return ~0ull >> (64 - width);
  return whole <= 0 ? 0 : static_cast<std::uint64_t>(whole);
}

/// The value as the destination's floating-point format, rounded once.
std::uint64_t pack_float(double value, const Conversion& c) {
  switch (c.to) {
    case Type::f64: return std::bit_cast<std::uint64_t>(with_canonical_nan(value));
    case Type::f32: {
      const HostRounding rounding(c.rounding);
      const volatile double exact = value;
      float rounded = static_cast<float>(exact);
      if (c.flushes) rounded = flushed(rounded);
      return std::bit_cast<std::uint32_t>(with_canonical_nan(rounded));
    }
    case Type::bf16: return narrow(value, bfloat_format, c.rounding);
    case Type::tf32: return std::uint64_t{narrow(value, tf32_format, c.rounding)} << 13;
    default: return narrow(value, half_format, c.rounding);
  }
}

double integer_to_double(std::int64_t value, const Conversion& c) {
  return is_signed(c.from) || c.from == Type::b64
             ? static_cast<double>(value)
             : static_cast<double>(static_cast<std::uint64_t>(value));
}

/// 64-bit integers do not all fit a double, so f32 is rounded from the integer itself.
std::uint64_t integer_to_float(std::int64_t value, const Conversion& c) {
  const HostRounding rounding(c.rounding);
  const volatile std::int64_t held = value;
  if (c.to == Type::f32)
    return std::bit_cast<std::uint32_t>(is_signed(c.from)
                                            ? static_cast<float>(held)
                                            : static_cast<float>(static_cast<std::uint64_t>(held)));
  if (c.to == Type::f64) return std::bit_cast<std::uint64_t>(integer_to_double(held, c));
  const HostRounding odd(Rounding::to_zero);
  double exact = integer_to_double(held, c);
  // What the double lost shows in its last bit, so that the second rounding sees no false tie.
  if (std::fabs(exact) < 0x1p63 && static_cast<std::int64_t>(exact) != held)
    exact = std::bit_cast<double>(std::bit_cast<std::uint64_t>(exact) | 1);
  return pack_float(exact, c);
}

std::uint64_t integer_to_integer(std::int64_t value, const Conversion& c) {
  if (!c.saturates) return static_cast<std::uint64_t>(value);
  const std::size_t width = 8 * size_of(c.to);
  const bool from_unsigned = !is_signed(c.from);
  const auto largest =
      static_cast<std::int64_t>(~0ull >> (is_signed(c.to) ? 65 - width : 64 - width));
  if (from_unsigned ? static_cast<std::uint64_t>(value) > static_cast<std::uint64_t>(largest)
                    : (width < 64 || is_signed(c.to)) && value > largest)
    return static_cast<std::uint64_t>(largest);
  if (from_unsigned) return static_cast<std::uint64_t>(value);
  const std::int64_t smallest = is_signed(c.to) ? -largest - 1 : 0;
  return static_cast<std::uint64_t>(std::max(value, smallest));
}

std::uint64_t convert(std::uint64_t bits, const Conversion& c) {
  if (!is_float(c.from)) {
    const std::int64_t value = integer_of(bits, c.from);
    return is_float(c.to) ? integer_to_float(value, c) : integer_to_integer(value, c);
  }
  double value = float_of(bits, c.from);
  if (c.flushes && c.from == Type::f32) value = flushed(static_cast<float>(value));
  if (!is_float(c.to) && c.to != Type::tf32) return float_to_integer(value, c);
  if (c.to_integral) value = to_integral(value, c.rounding);
  if (c.saturates) value = value > 0 ? (value < 1 ? value : 1.0) : 0.0;
  if (c.clips && value < 0) value = 0;
  return pack_float(value, c);
}

/// Extended to the width of a register that is wider than the type.
void write_lane(Warp& warp, const Slot& to, int lane, std::uint64_t bits, Type type) {
  if (!is_float(type)) bits = static_cast<std::uint64_t>(integer_of(bits, type));
  switch (to.width) {
    case 2: warp.lanes<std::uint16_t>(to)[lane] = static_cast<std::uint16_t>(bits); break;
    case 4: warp.lanes<std::uint32_t>(to)[lane] = static_cast<std::uint32_t>(bits); break;
    default: warp.lanes<std::uint64_t>(to)[lane] = bits;
  }
}

void run_convert(Warp& warp, const Instruction& in) {
  const Conversion c = Conversion::unpacked(in.value);
  for (int lane = 0; lane < warp_size; ++lane)
    if (warp.active() >> lane & 1)
      write_lane(warp, in.to, lane, convert(warp.read<std::uint64_t>(in.from[0], lane), c), c.to);
}

/// The conversions that kernels spend their time on, as loops over all lanes.
template <typename To, typename From>
void run_cast(Warp& warp, const Instruction& in) {
  const From* from = warp.lanes<From>(in.from[0]);
  each_lane(warp, warp.lanes<To>(in.to), [=](int lane) { return static_cast<To>(from[lane]); });
}

void run_single_to_bfloat(Warp& warp, const Instruction& in) {
  const float* from = warp.lanes<float>(in.from[0]);
  each_lane(warp, warp.lanes<std::uint16_t>(in.to),
            [=](int lane) { return narrow_to_bfloat(from[lane]); });
}

void run_bfloat_to_single(Warp& warp, const Instruction& in) {
  const std::uint16_t* from = warp.lanes<std::uint16_t>(in.from[0]);
  each_lane(warp, warp.lanes<float>(in.to), [=](int lane) {
    return with_canonical_nan(std::bit_cast<float>(static_cast<std::uint32_t>(from[lane]) << 16));
  });
}

/// A faster handler with the same result, or null.
Handler choose_fast(const Conversion& c, const Slot& to, const Slot& from) {
  if (to.width != size_of(c.to) || from.width != size_of(c.from)) return nullptr;
  if (c.flushes || c.saturates || c.clips || c.to_integral) return nullptr;
  const bool is_nearest = c.rounding == Rounding::nearest_even;
  if (c.to == Type::bf16 && c.from == Type::f32 && is_nearest) return run_single_to_bfloat;
  if (c.to == Type::f32 && c.from == Type::bf16) return run_bfloat_to_single;
  if (c.to == Type::f32 && c.from == Type::s32 && is_nearest) return run_cast<float, std::int32_t>;
  if (c.to == Type::f32 && c.from == Type::u32 && is_nearest) return run_cast<float, std::uint32_t>;
  if (is_float(c.to) || is_float(c.from)) return nullptr;
  if (to.width == 8 && c.from == Type::s32) return run_cast<std::uint64_t, std::int32_t>;
  if (to.width == 8 && c.from == Type::u32) return run_cast<std::uint64_t, std::uint32_t>;
  if (to.width == 4 && from.width == 8) return run_cast<std::uint32_t, std::uint64_t>;
  return nullptr;
}

Conversion take_conversion(Decoding& d) {
  Conversion c;
  const int rounding = d.take_one_of({"rn", "rz", "rm", "rp", "rna"});
  const int integral = d.take_one_of({"rni", "rzi", "rmi", "rpi"});
  c.to_integral = integral >= 0;
  if (rounding > 0) c.rounding = static_cast<Rounding>(rounding);
  if (integral > 0) c.rounding = static_cast<Rounding>(integral);
  c.flushes = d.take("ftz");
  c.clips = d.take("relu");
  const bool saturates = d.take("sat");
  c.saturates = d.take("satfinite") || saturates;
  c.to = d.take_type();
  c.from = d.take_type();
  return c;
}

void decode_cvt(Decoding& d) {
  const Conversion c = take_conversion(d);
  d.out.value = c.packed();
  if (is_pair_type(c.to) || is_pair_type(c.from)) return decode_pair_conversion(d, c);
  d.expect_operands(2);
  if (c.to == Type::pred || c.from == Type::pred || c.from == Type::tf32)
    d.refuse("this conversion is not known");
  d.out.to = d.wide_destination(d.operand(0), c.to);
  d.out.from[0] = d.wide_source(d.operand(1), c.from);
  const Handler fast = choose_fast(c, d.out.to, d.out.from[0]);
  d.out.run = fast ? fast : run_convert;
}

constexpr std::array<Opcode, 1> opcodes{{{"cvt", decode_cvt}}};

}  // namespace

std::span<const Opcode> conversion_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
