#pragma once
/// Arithmetic on boxes of global arrays, and copies between a box's rows and a window in memory.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace tokenwerk {

/// A shape of these extents. Throws ShapeError for more than four.
[[nodiscard]] Shape shape_of(std::span<const Index> extents);

/// "(0, 4) + (2, 4)": offset and extent.
[[nodiscard]] std::string text_of(const Box& box);

/// What two boxes of one array share; nothing when that is empty. Scalars share their one element.
[[nodiscard]] std::optional<Box> intersect(const Box& a, const Box& b);

/// `inner` as seen from the first element of `outer`, which holds it.
[[nodiscard]] Box relative_to(const Box& inner, const Box& outer);

/// Whether the box has the array's ndim, no negative numbers and lies inside it.
[[nodiscard]] bool lies_inside(const Box& box, const Shape& shape);

/// What keeps boxes (each inside the array) from covering it exactly once: two that overlap, or a
/// hole. Empty when they do.
[[nodiscard]] std::string partition_fault(const Shape& shape, std::span<const Box> boxes);

/// Where the elements of a box lie in memory: rows of the innermost dim, `row_stride` elements
/// apart.
struct BoxLayout {
  Shape extent;
  Index row_stride = 0;
};

/// The rows of a part of a laid-out box, by the element at which each begins.
/// `visit(element)` is called in row-major order, once per row of `part` (relative to the box).
template <typename Visit>
void for_each_row(const BoxLayout& layout, const Box& part, Visit&& visit) {
  const int outer = part.extent.ndim() - 1;
  const Index column = outer < 0 ? 0 : part.offset[-1];
  Shape at = part.offset;  // counts through the part's outer dims
  for (Index row = 0, rows = part.extent.rows(); row < rows; ++row) {
    Index line = 0;
    for (int dim = 0; dim < outer; ++dim) line = line * layout.extent[dim] + at[dim];
    visit(line * layout.row_stride + column);
    for (int dim = outer - 1; dim >= 0; --dim) {
      if (++at[dim] < part.offset[dim] + part.extent[dim]) break;
      at[dim] = part.offset[dim];
    }
  }
}

}  // namespace tokenwerk
