#pragma once
/// A matrix as the products of core/cpu/matmul.cpp take it: a window that may be a transpose.

#include <algorithm>

#include "core/tensor.h"

namespace tokenwerk::cpu {

/// A (rows, columns) window on memory with a stride for each dim, one of which is 1.
struct Matrix {
  const void* data = nullptr;
  Index rows = 0;
  Index columns = 0;
  Index row_stride = 0;
  Index column_stride = 1;
  DType dtype = DType::f32;
};

[[nodiscard]] inline Matrix matrix_of(const ConstTensorView& view) {
  // A lone row may have any stride, which oneDNN would still check.
  return {view.data, view.rows(), view.columns(), std::max(view.row_stride, view.columns()),
          1,         view.dtype};
}

[[nodiscard]] inline Matrix transpose_of(const ConstTensorView& view) {
  const Matrix m = matrix_of(view);
  return {m.data, m.columns, m.rows, 1, m.row_stride, m.dtype};
}

}  // namespace tokenwerk::cpu
