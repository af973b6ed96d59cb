#pragma once
/// What a pre-flight measures of each rank, and the text of it.

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include "core/dtype.h"

namespace tokenwerk {

/// In all of them more is better.
enum class Quantity {
  matrix,       ///< FLOP/s of a matrix product
  memory,       ///< bytes/s: STREAM's triad on a cpu, a copy on a GPU
  free_memory,  ///< bytes of the host that nobody uses
  disk_write,   ///< bytes/s, to the end of fsync
  disk_read,    ///< bytes/s, not from the page cache
  link,         ///< bytes/s each way at once, to another host
  link_rate,    ///< exchanges of 8 bytes a second, with another host
  inside,       ///< as link, within the host
  inside_rate,  ///< as link_rate, within the host
};
inline constexpr std::size_t quantities = 9;
inline constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

/// How a quantity is called and shown, and how far below the median it may lie.
struct QuantityRule {
  std::string_view name, unit;
  double scale;      ///< of one unit
  double tolerance;  ///< 0.1: less than 90 % of the median is too little
  bool inverse;      ///< shown as the time of one: what is better is less
};
[[nodiscard]] const QuantityRule& rule_of(Quantity quantity);

/// "412 GFLOP/s", "35.1 us"; "-" of what is not measured.
[[nodiscard]] std::string figure_text(Quantity quantity, double value);
/// The same without the unit.
[[nodiscard]] std::string figure_number(Quantity quantity, double value);

/// Of one rank; not_measured where it did not.
struct Figures {
  Figures() { values.fill(not_measured); }
  [[nodiscard]] double& operator[](Quantity q) { return values[static_cast<std::size_t>(q)]; }
  [[nodiscard]] double operator[](Quantity q) const { return values[static_cast<std::size_t>(q)]; }
  /// The better of both: what disturbs a measurement makes it slower, never faster.
  void merge(const Figures& other);

  std::array<double, quantities> values{};
};

/// The better of two figures, of which either may be missing.
[[nodiscard]] inline double better(double a, double b) { return std::fmax(a, b); }

}  // namespace tokenwerk
