#pragma once
/// What the two files of cvt share.

#include <cstdint>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/formats.h"

namespace tokenwerk::emulator::ptx {

/// What the modifiers ask, kept in `Instruction::value`.
struct Conversion {
  Type to = Type::none;
  Type from = Type::none;
  Rounding rounding = Rounding::nearest_even;
  bool to_integral = false;  ///< .rni and its like
  bool flushes = false;
  bool saturates = false;
  bool clips = false;

  [[nodiscard]] std::int64_t packed() const {
    return static_cast<std::int64_t>(to) | static_cast<std::int64_t>(from) << 8 |
           static_cast<std::int64_t>(rounding) << 16 | (to_integral ? 1 << 24 : 0) |
           (flushes ? 1 << 25 : 0) | (saturates ? 1 << 26 : 0) | (clips ? 1 << 27 : 0);
  }
  [[nodiscard]] static Conversion unpacked(std::int64_t value) {
    return {static_cast<Type>(value & 255),
            static_cast<Type>(value >> 8 & 255),
            static_cast<Rounding>(value >> 16 & 255),
            (value >> 24 & 1) != 0,
            (value >> 25 & 1) != 0,
            (value >> 26 & 1) != 0,
            (value >> 27 & 1) != 0};
  }
};

[[nodiscard]] inline bool is_pair_type(Type type) {
  return type == Type::f16x2 || type == Type::bf16x2 || type == Type::e4m3x2 ||
         type == Type::e5m2x2;
}

/// cvt to or from two narrow values in one register.
void decode_pair_conversion(Decoding& d, const Conversion& conversion);

}  // namespace tokenwerk::emulator::ptx
