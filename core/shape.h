#pragma once
/// Extents of an array, up to four dims, and boxes inside it.

#include <array>
#include <initializer_list>
#include <string>

#include "core/dtype.h"
#include "core/error.h"

namespace tokenwerk {

/// Extents from the outermost dim to the innermost.
class Shape {
 public:
  static constexpr int max_ndim = 4;

  Shape() = default;
  Shape(std::initializer_list<Index> extents) {
    TW_CHECK_AS(ShapeError, extents.size() <= max_ndim, "a shape has at most 4 dims");
    for (Index extent : extents) extents_[static_cast<std::size_t>(ndim_++)] = extent;
  }

  [[nodiscard]] int ndim() const { return ndim_; }
  /// Extent of a dim; negative dims count from the end.
  [[nodiscard]] Index operator[](int dim) const {
    return extents_[static_cast<std::size_t>(dim < 0 ? dim + ndim_ : dim)];
  }
  [[nodiscard]] Index& operator[](int dim) {
    return extents_[static_cast<std::size_t>(dim < 0 ? dim + ndim_ : dim)];
  }
  /// Product of all extents; 1 for a scalar.
  [[nodiscard]] Index count() const {
    Index n = 1;
    for (int dim = 0; dim < ndim_; ++dim) n *= (*this)[dim];
    return n;
  }
  /// Extent of the innermost dim (1 for a scalar): what a row holds.
  [[nodiscard]] Index columns() const { return ndim_ == 0 ? 1 : (*this)[-1]; }
  /// Product of all dims but the innermost.
  [[nodiscard]] Index rows() const {
    Index n = 1;
    for (int dim = 0; dim + 1 < ndim_; ++dim) n *= (*this)[dim];
    return n;
  }
  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.ndim_ != b.ndim_) return false;
    for (int dim = 0; dim < a.ndim_; ++dim)
      if (a[dim] != b[dim]) return false;
    return true;
  }
  /// "(4, 256)"
  [[nodiscard]] std::string text() const {
    std::string out = "(";
    for (int dim = 0; dim < ndim_; ++dim) out += fmt::format("{}{}", dim ? ", " : "", (*this)[dim]);
    return out + ")";
  }

 private:
  std::array<Index, max_ndim> extents_{};
  int ndim_ = 0;
};

/// A rectangular part of a global array: where it begins and how far it goes, per dim.
struct Box {
  Shape offset;
  Shape extent;

  /// The whole of an array of this shape.
  [[nodiscard]] static Box whole(const Shape& shape) {
    Box box{shape, shape};
    for (int dim = 0; dim < shape.ndim(); ++dim) box.offset[dim] = 0;
    return box;
  }
  friend bool operator==(const Box&, const Box&) = default;
};

}  // namespace tokenwerk
