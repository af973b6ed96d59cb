#pragma once
/// What CLI11's own checks leave through.

#include <CLI/CLI.hpp>
#include <cmath>

#include "launch/counted.h"

namespace tokenwerk {

/// A finite number of this range; words as nan and inf are none.
[[nodiscard]] inline CLI::Validator number_from(double least, double most = 1e9) {
  return CLI::Validator(
      [least, most](const std::string& text) {
        const auto number = number_of<double>(text);
        const bool legal = number && std::isfinite(*number) && *number >= least && *number <= most;
        return legal ? "" : fmt::format("{} is no number from {:g} to {:g}", text, least, most);
      },
      "");
}

/// A text with something in it: what an unset variable of a shell leaves is a mistake.
[[nodiscard]] inline CLI::Validator not_empty() {
  return CLI::Validator([](const std::string& text) { return text.empty() ? "is empty" : ""; }, "");
}

}  // namespace tokenwerk
