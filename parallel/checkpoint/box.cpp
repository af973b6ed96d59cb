#include "parallel/checkpoint/box.h"

#include <algorithm>

namespace tokenwerk {

Shape shape_of(std::span<const Index> extents) {
  switch (extents.size()) {
    case 0: return {};
    case 1: return {extents[0]};
    case 2: return {extents[0], extents[1]};
    case 3: return {extents[0], extents[1], extents[2]};
    case 4: return {extents[0], extents[1], extents[2], extents[3]};
    default: TW_RAISE(ShapeError, extents.size(), " dims: arrays have at most ", Shape::max_ndim);
  }
}

std::string text_of(const Box& box) { return box.offset.text() + " + " + box.extent.text(); }

std::optional<Box> intersect(const Box& a, const Box& b) {
  Box shared = a;
  for (int dim = 0; dim < a.extent.ndim(); ++dim) {
    const Index first = std::max(a.offset[dim], b.offset[dim]);
    const Index last = std::min(a.offset[dim] + a.extent[dim], b.offset[dim] + b.extent[dim]);
    if (first >= last) return std::nullopt;
    shared.offset[dim] = first;
    shared.extent[dim] = last - first;
  }
  return shared;
}

Box relative_to(const Box& inner, const Box& outer) {
  Box moved = inner;
  for (int dim = 0; dim < inner.offset.ndim(); ++dim) moved.offset[dim] -= outer.offset[dim];
  return moved;
}

bool lies_inside(const Box& box, const Shape& shape) {
  if (box.offset.ndim() != shape.ndim() || box.extent.ndim() != shape.ndim()) return false;
  for (int dim = 0; dim < shape.ndim(); ++dim) {
    if (box.offset[dim] < 0 || box.extent[dim] < 0 || box.offset[dim] > shape[dim]) return false;
    if (box.extent[dim] > shape[dim] - box.offset[dim]) return false;
  }
  return true;
}

std::string partition_fault(const Shape& shape, std::span<const Box> boxes) {
  std::vector<Box> sorted;
  for (const Box& box : boxes)
    if (box.extent.count() > 0) sorted.push_back(box);
  const auto first_row = [](const Box& box) { return box.offset.ndim() ? box.offset[0] : 0; };
  std::ranges::sort(sorted, {}, first_row);
  // Boxes in the order of their first rows: only those that begin before this one ends can meet it.
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const Index last = shape.ndim() ? first_row(sorted[i]) + sorted[i].extent[0] : 1;
    for (std::size_t j = i + 1; j < sorted.size() && first_row(sorted[j]) < last; ++j) {
      if (intersect(sorted[i], sorted[j]))
        return fmt::format("boxes {} and {} overlap", text_of(sorted[i]), text_of(sorted[j]));
    }
  }
  // Disjoint boxes inside an array cover it when they hold as many elements.
  Index covered = 0;
  for (const Box& box : sorted) covered += box.extent.count();
  if (covered == shape.count()) return {};
  return fmt::format("{} of its {} elements are in no box", shape.count() - covered, shape.count());
}

}  // namespace tokenwerk
