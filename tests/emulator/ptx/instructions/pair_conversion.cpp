/// cvt between pairs of narrow floating-point values.

#include "tests/emulator/ptx/instructions/conversion.h"
#include "tests/emulator/ptx/lanes.h"

namespace tokenwerk::emulator::ptx {
namespace {

const Format& format_of(Type type) {
  switch (type) {
    case Type::f16x2: return half_format;
    case Type::bf16x2: return bfloat_format;
    case Type::e4m3x2: return e4m3_format;
    default: return e5m2_format;
  }
}

void write_pair(Warp& warp, const Slot& to, int lane, std::uint32_t pair) {
  if (to.width == 2)
    warp.lanes<std::uint16_t>(to)[lane] = static_cast<std::uint16_t>(pair);
  else
    warp.lanes<std::uint32_t>(to)[lane] = pair;
}

/// `to, high, low`: two f32 become a pair.
void run_pack_pair(Warp& warp, const Instruction& in) {
  const Conversion c = Conversion::unpacked(in.value);
  const Format& format = format_of(c.to);
  const int width = static_cast<int>(4 * size_of(c.to));
  const float* high = warp.lanes<float>(in.from[0]);
  const float* low = warp.lanes<float>(in.from[1]);
  const auto one = [&](float value) {
    if (c.clips && value < 0) value = 0;
    return narrow(value, format, c.rounding, c.saturates);
  };
  for (int lane = 0; lane < warp_size; ++lane) {
    if (!(warp.active() >> lane & 1)) continue;
    const std::uint32_t pair = one(high[lane]) << width | one(low[lane]);
    write_pair(warp, in.to, lane, pair);
  }
}

/// A pair of one format becomes a pair of another.
void run_convert_pair(Warp& warp, const Instruction& in) {
  const Conversion c = Conversion::unpacked(in.value);
  const Format& to = format_of(c.to);
  const Format& from = format_of(c.from);
  const auto to_width = static_cast<int>(4 * size_of(c.to));
  const auto from_width = static_cast<int>(4 * size_of(c.from));
  for (int lane = 0; lane < warp_size; ++lane) {
    if (!(warp.active() >> lane & 1)) continue;
    const auto bits = warp.read<std::uint32_t>(in.from[0], lane);
    const auto one = [&](std::uint32_t half) {
      double value = widen(half, from);
      if (c.clips && value < 0) value = 0;
      return narrow(value, to, c.rounding, c.saturates);
    };
    const std::uint32_t low = one(bits & ((1u << from_width) - 1));
    write_pair(warp, in.to, lane, one(bits >> from_width) << to_width | low);
  }
}

}  // namespace

void decode_pair_conversion(Decoding& d, const Conversion& c) {
  const bool packs = c.from == Type::f32;
  if (!is_pair_type(c.to) || !(packs || is_pair_type(c.from)))
    d.refuse("this conversion is not known");
  d.expect_operands(packs ? 3 : 2);
  d.out.to = d.destination(0, c.to);
  d.out.from[0] = d.source(1, c.from);
  if (packs) d.out.from[1] = d.source(2, c.from);
  d.out.run = packs ? run_pack_pair : run_convert_pair;
}

}  // namespace tokenwerk::emulator::ptx
