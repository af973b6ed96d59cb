#pragma once
/// x(M,N) = a(M,K) @ b(K,N) on one thread: both operands are packed into panels first, and every
/// element adds its K products in order, so the bits do not depend on the sizes of the panels.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tokenwerk::emulator {

/// Elements of a panel beside one another: rows of `a`, columns of `b`.
template <typename T>
inline constexpr std::int64_t panel_rows = 64 / static_cast<std::int64_t>(sizeof(T));
inline constexpr std::int64_t panel_columns = 4;

/// An operand in panels of `width` lines of K elements: element k of line i stands at
/// `panel * K * width + k * width + i`. Lines that fill the last panel up are zero.
template <typename T>
class Panels final {
 public:
  Panels(std::int64_t lines, std::int64_t depth, std::int64_t width)
      : depth_(depth),
        width_(width),
        values_(static_cast<std::size_t>((lines + width - 1) / width * width * depth)) {}

  /// Writes line `line` from `depth` values.
  void set_line(std::int64_t line, const T* values) {
    T* const out = values_.data() + line / width_ * depth_ * width_ + line % width_;
    for (std::int64_t k = 0; k < depth_; ++k) out[k * width_] = values[k];
  }
  [[nodiscard]] const T* panel(std::int64_t index) const {
    return values_.data() + index * depth_ * width_;
  }
  [[nodiscard]] std::int64_t depth() const { return depth_; }

 private:
  std::int64_t depth_;
  std::int64_t width_;
  std::vector<T> values_;
};

/// Writes the product into `x`, column after column.
void multiply(const Panels<float>& a, const Panels<float>& b, std::int64_t rows,
              std::int64_t columns, float* x);
void multiply(const Panels<double>& a, const Panels<double>& b, std::int64_t rows,
              std::int64_t columns, double* x);

}  // namespace tokenwerk::emulator
