#include "tests/emulator/cublaslt/packed_product.h"

#include <algorithm>
#include <cstring>

namespace tokenwerk::emulator {
namespace {

/// The product of two panels, `panel_columns` columns of `panel_rows` values. Spelled in vectors,
/// because compilers that unroll the loops over plain arrays keep the sums in memory.
template <typename T>
[[gnu::always_inline]] inline void tile(const T* a, const T* b, std::int64_t depth, T* out) {
  using Vector [[gnu::vector_size(32)]] = T;
  constexpr auto width = static_cast<std::int64_t>(sizeof(Vector) / sizeof(T));
  constexpr auto rows = panel_rows<T>;
  static_assert(rows == 2 * width);
  Vector sums[panel_columns][2] = {};
  for (std::int64_t k = 0; k < depth; ++k) {
    Vector upper;
    Vector lower;
    std::memcpy(&upper, a + k * rows, sizeof upper);
    std::memcpy(&lower, a + k * rows + width, sizeof lower);
    for (std::int64_t j = 0; j < panel_columns; ++j) {
      const T factor = b[k * panel_columns + j];
      sums[j][0] += upper * factor;
      sums[j][1] += lower * factor;
    }
  }
  std::memcpy(out, sums, sizeof sums);
}

using TileFloat = void (*)(const float*, const float*, std::int64_t, float*);
using TileDouble = void (*)(const double*, const double*, std::int64_t, double*);

void tile_float(const float* a, const float* b, std::int64_t depth, float* out) {
  tile(a, b, depth, out);
}
void tile_double(const double* a, const double* b, std::int64_t depth, double* out) {
  tile(a, b, depth, out);
}
// The same loops with wider vectors. Products and sums round one by one either way, so the bits
// are the same.
[[gnu::target("avx2")]] void tile_float_wide(const float* a, const float* b, std::int64_t depth,
                                             float* out) {
  tile(a, b, depth, out);
}
[[gnu::target("avx2")]] void tile_double_wide(const double* a, const double* b, std::int64_t depth,
                                              double* out) {
  tile(a, b, depth, out);
}

bool has_wide_vectors() { return __builtin_cpu_supports("avx2") != 0; }

template <typename T, typename Tile>
void multiply_panels(const Panels<T>& a, const Panels<T>& b, std::int64_t rows,
                     std::int64_t columns, T* x, Tile tile_of) {
  constexpr auto height = panel_rows<T>;
  T out[panel_columns * height];
  for (std::int64_t j = 0; j < columns; j += panel_columns) {
    for (std::int64_t i = 0; i < rows; i += height) {
      tile_of(a.panel(i / height), b.panel(j / panel_columns), a.depth(), out);
      const auto used_rows = std::min(height, rows - i);
      const auto used_columns = std::min(panel_columns, columns - j);
      for (std::int64_t column = 0; column < used_columns; ++column) {
        std::copy_n(out + column * height, used_rows, x + (j + column) * rows + i);
      }
    }
  }
}

}  // namespace

void multiply(const Panels<float>& a, const Panels<float>& b, std::int64_t rows,
              std::int64_t columns, float* x) {
  static const TileFloat tile_of = has_wide_vectors() ? tile_float_wide : tile_float;
  multiply_panels(a, b, rows, columns, x, tile_of);
}

void multiply(const Panels<double>& a, const Panels<double>& b, std::int64_t rows,
              std::int64_t columns, double* x) {
  static const TileDouble tile_of = has_wide_vectors() ? tile_double_wide : tile_double;
  multiply_panels(a, b, rows, columns, x, tile_of);
}

}  // namespace tokenwerk::emulator
