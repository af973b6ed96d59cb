#include "launch/preflight/figures.h"

#include <fmt/core.h>

namespace tokenwerk {

const QuantityRule& rule_of(Quantity quantity) {
  // A processor or memory that is 10 % slower than its like is ill; links and disks are shared with
  // others and vary; an exchange of a few bytes, and memory that is free, count in multiples.
  static const std::array<QuantityRule, quantities> rules{{
      {"matrix product", "GFLOP/s", 1e9, 0.10, false},
      {"memory", "GB/s", 1e9, 0.10, false},
      {"free memory", "GiB", 1024.0 * 1024 * 1024, 0.50, false},
      {"disk write", "MB/s", 1e6, 0.50, false},
      {"disk read", "MB/s", 1e6, 0.50, false},
      {"link", "MB/s", 1e6, 0.20, false},
      {"link exchange", "us", 1e6, 0.67, true},
      {"link inside", "MB/s", 1e6, 0.20, false},
      {"exchange inside", "us", 1e6, 0.67, true},
  }};
  return rules[static_cast<std::size_t>(quantity)];
}

std::string figure_number(Quantity quantity, double value) {
  if (std::isnan(value)) return "-";
  const QuantityRule& rule = rule_of(quantity);
  const double shown = rule.inverse ? rule.scale / value : value / rule.scale;
  return shown < 100 ? fmt::format("{:.3g}", shown) : fmt::format("{:.0f}", shown);
}

std::string figure_text(Quantity quantity, double value) {
  const std::string number = figure_number(quantity, value);
  return std::isnan(value) ? number : fmt::format("{} {}", number, rule_of(quantity).unit);
}

void Figures::merge(const Figures& other) {
  for (std::size_t i = 0; i < quantities; ++i) values[i] = better(values[i], other.values[i]);
}

}  // namespace tokenwerk
