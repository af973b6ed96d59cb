#include "launch/byte_size.h"

#include <fmt/core.h>

#include <array>
#include <string_view>

#include "launch/counted.h"

namespace tokenwerk {
namespace {

struct Unit {
  std::string_view name;
  double bytes;
};
constexpr double ki = 1024.0;
constexpr std::array units = {Unit{"TiB", ki* ki* ki* ki},
                              Unit{"GiB", ki* ki* ki},
                              Unit{"MiB", ki* ki},
                              Unit{"KiB", ki},
                              Unit{"TB", 1e12},
                              Unit{"GB", 1e9},
                              Unit{"MB", 1e6},
                              Unit{"KB", 1e3},
                              Unit{"B", 1.0},
                              Unit{"", 1.0}};
constexpr std::size_t binary_units = 4;  // the first ones, largest first

}  // namespace

std::optional<std::size_t> bytes_of_size(const std::string& text) {
  const std::size_t end = text.find_last_of("0123456789.");
  if (end == std::string::npos) return std::nullopt;
  const auto number = number_of<double>(text.substr(0, end + 1));
  std::string_view name = std::string_view(text).substr(end + 1);
  if (name.starts_with(' ')) name.remove_prefix(1);
  for (const Unit& unit : units) {
    if (name != unit.name || !number) continue;
    const double bytes = *number * unit.bytes;
    if (bytes >= 1.0 && bytes < 0x1p63) return static_cast<std::size_t>(bytes);
  }
  return std::nullopt;
}

std::string size_text(std::size_t bytes) {
  const auto value = static_cast<double>(bytes);
  for (std::size_t i = 0; i < binary_units; ++i)
    if (value >= units[i].bytes)
      return fmt::format("{:.1f} {}", value / units[i].bytes, units[i].name);
  return fmt::format("{} B", bytes);
}

}  // namespace tokenwerk
