#pragma once
/// The types and address spaces of PTX.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tokenwerk::emulator::ptx {

enum class Type : std::uint8_t {
  none,
  pred,
  b8,
  b16,
  b32,
  b64,
  u8,
  u16,
  u32,
  u64,
  s8,
  s16,
  s32,
  s64,
  f16,
  bf16,
  f32,
  f64,
  f16x2,
  bf16x2,
  u16x2,
  s16x2,
  tf32,
  e4m3x2,
  e5m2x2,
};

enum class Space : std::uint8_t { generic, global, constant, shared, local, param };

/// The type called `name` ("f32"), without the dot.
[[nodiscard]] std::optional<Type> type_named(std::string_view name);
[[nodiscard]] std::string_view name_of(Type type);
/// Bytes of one value in memory and in a register; 1 for predicates, whose register is a bit a
/// lane.
[[nodiscard]] std::size_t size_of(Type type);
[[nodiscard]] bool is_signed(Type type);
[[nodiscard]] bool is_float(Type type);

}  // namespace tokenwerk::emulator::ptx
