#pragma once
/// Arrays: one owner (`Tensor`) and two windows (`TensorView`, `ConstTensorView`).
///
/// All are row-major. A window's rows (the innermost dim) are dense, and consecutive rows lie
/// `row_stride` elements apart, so that q, k and v can be windows on one (N, 3C) buffer.

#include "core/device.h"
#include "core/shape.h"

namespace tokenwerk {

/// Half-open range of rows.
struct Rows {
  Index first = 0;
  Index last = 0;
  [[nodiscard]] Index count() const { return last - first; }
};

/// Read-only window on an array. Owns nothing. A default-made one is empty: "no such operand".
struct ConstTensorView {
  const void* data = nullptr;
  Shape shape;
  Index row_stride = 0;  ///< elements from one row to the next
  DType dtype = DType::f32;
  Device* device = nullptr;

  [[nodiscard]] explicit operator bool() const { return data != nullptr; }
  [[nodiscard]] Index rows() const { return shape.rows(); }
  [[nodiscard]] Index columns() const { return shape.columns(); }
  [[nodiscard]] Index count() const { return shape.count(); }
  [[nodiscard]] bool dense() const { return row_stride == columns() || rows() == 1; }

  template <typename T>
  [[nodiscard]] const T* as() const {
    return static_cast<const T*>(data);
  }
  /// An element, where the data lies in host memory; leading dims are flattened.
  template <typename T>
  [[nodiscard]] const T& at(Index row, Index column) const {
    return as<T>()[row * row_stride + column];
  }

  /// Window (rows, columns) on a range of rows; leading dims are flattened.
  [[nodiscard]] ConstTensorView slice_rows(Rows range) const;
  /// Window (rows, count) on columns first .. first + count.
  [[nodiscard]] ConstTensorView slice_columns(Index first, Index count) const;
  /// Window on a box of a matrix or a vector.
  [[nodiscard]] ConstTensorView slice(const Box& box) const;
};

/// Writable window on an array. Owns nothing.
struct TensorView {
  void* data = nullptr;
  Shape shape;
  Index row_stride = 0;
  DType dtype = DType::f32;
  Device* device = nullptr;

  operator ConstTensorView() const { return {data, shape, row_stride, dtype, device}; }
  [[nodiscard]] explicit operator bool() const { return data != nullptr; }
  [[nodiscard]] Index rows() const { return shape.rows(); }
  [[nodiscard]] Index columns() const { return shape.columns(); }
  [[nodiscard]] Index count() const { return shape.count(); }
  [[nodiscard]] bool dense() const { return row_stride == columns() || rows() == 1; }

  template <typename T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(data);
  }
  template <typename T>
  [[nodiscard]] T& at(Index row, Index column) const {
    return as<T>()[row * row_stride + column];
  }

  [[nodiscard]] TensorView slice_rows(Rows range) const;
  [[nodiscard]] TensorView slice_columns(Index first, Index count) const;
  [[nodiscard]] TensorView slice(const Box& box) const;
};

/// Elements of a dense array, counted through all its rows, as a 1-D one.
template <typename View>
[[nodiscard]] View elements_of(const View& view, Rows range) {
  View elements = view;
  elements.data =
      view.template as<std::byte>() + static_cast<std::size_t>(range.first) * size_of(view.dtype);
  elements.shape = Shape{range.count()};
  elements.row_stride = range.count();
  return elements;
}

/// Owner of a dense array in a device's memory: moves, never copies. Elements start undefined.
class Tensor {
 public:
  Tensor() = default;
  Tensor(Device& device, DType dtype, Shape shape);
  Tensor(Tensor&& other) noexcept;
  Tensor& operator=(Tensor&& other) noexcept;
  ~Tensor();

  [[nodiscard]] explicit operator bool() const { return view_.data != nullptr; }
  [[nodiscard]] const Shape& shape() const { return view_.shape; }
  [[nodiscard]] DType dtype() const { return view_.dtype; }
  [[nodiscard]] Device& device() const { return *view_.device; }
  [[nodiscard]] std::size_t bytes() const;

  [[nodiscard]] TensorView view() const { return view_; }
  operator TensorView() const { return view_; }
  operator ConstTensorView() const { return view_; }
  /// The same elements under another shape of equal count.
  [[nodiscard]] TensorView reshaped(Shape shape) const;

 private:
  TensorView view_;
};

}  // namespace tokenwerk
