#include "tests/emulator/ptx/types.h"

#include <algorithm>
#include <array>

namespace tokenwerk::emulator::ptx {
namespace {

struct Named {
  std::string_view name;
  std::size_t size;
};

/// In the order of `Type`.
constexpr std::array<Named, 25> types{{
    {"none", 0},  {"pred", 1},  {"b8", 1},   {"b16", 2},    {"b32", 4},
    {"b64", 8},   {"u8", 1},    {"u16", 2},  {"u32", 4},    {"u64", 8},
    {"s8", 1},    {"s16", 2},   {"s32", 4},  {"s64", 8},    {"f16", 2},
    {"bf16", 2},  {"f32", 4},   {"f64", 8},  {"f16x2", 4},  {"bf16x2", 4},
    {"u16x2", 4}, {"s16x2", 4}, {"tf32", 4}, {"e4m3x2", 2}, {"e5m2x2", 2},
}};

}  // namespace

std::optional<Type> type_named(std::string_view name) {
  const auto found = std::find_if(types.begin() + 1, types.end(),
                                  [&](const Named& type) { return type.name == name; });
  if (found == types.end()) return std::nullopt;
  return static_cast<Type>(found - types.begin());
}

std::string_view name_of(Type type) { return types[static_cast<std::size_t>(type)].name; }

std::size_t size_of(Type type) { return types[static_cast<std::size_t>(type)].size; }

bool is_signed(Type type) { return type >= Type::s8 && type <= Type::s64; }

bool is_float(Type type) { return type >= Type::f16 && type <= Type::f64; }

}  // namespace tokenwerk::emulator::ptx
