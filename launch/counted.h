#pragma once
/// Numbers as text, and back.

#include <fmt/core.h>

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "core/dtype.h"

namespace tokenwerk {

/// "1 rank", "4 ranks", "4 batches".
[[nodiscard]] inline std::string count_of(Index count, std::string_view what) {
  const char* ending = what.ends_with("ch") ? "es" : "s";
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : ending);
}

/// A whole number or real that takes up all of the text.
template <typename T>
[[nodiscard]] std::optional<T> number_of(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace tokenwerk
