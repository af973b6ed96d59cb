#pragma once
/// Numbers of things, in words.

#include <fmt/core.h>

#include <string>
#include <string_view>

#include "core/dtype.h"

namespace tokenwerk {

/// "1 rank", "4 ranks", "4 batches".
[[nodiscard]] inline std::string count_of(Index count, std::string_view what) {
  const char* ending = what.ends_with("ch") ? "es" : "s";
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : ending);
}

}  // namespace tokenwerk
