#pragma once
/// Checks that the public functions of the operation families share.

#include <string_view>

#include "core/ops/operations.h"
#include "core/tensor.h"

namespace tokenwerk {

/// Throws ShapeError naming the operand unless it is a (rows, columns) array of this dtype.
inline void check_matrix(const ConstTensorView& view, std::string_view operation,
                         std::string_view operand, Index rows, Index columns, DType dtype) {
  TW_CHECK_AS(ShapeError, view.data != nullptr, operation, ": ", operand, " is missing");
  TW_CHECK_AS(ShapeError, view.rows() == rows && view.columns() == columns, operation, ": ",
              operand, " is ", view.shape.text(), ", wants ", rows, " rows of ", columns);
  TW_CHECK_AS(ShapeError, view.dtype == dtype, operation, ": ", operand, " is ",
              name_of(view.dtype), ", wants ", name_of(dtype));
  TW_CHECK_AS(ShapeError, view.row_stride >= columns || rows <= 1, operation, ": ", operand,
              " has rows that overlap");
}

/// Throws ShapeError naming the operand unless it is a dense array of `count` elements.
inline void check_vector(const ConstTensorView& view, std::string_view operation,
                         std::string_view operand, Index count, DType dtype) {
  TW_CHECK_AS(ShapeError, view.data != nullptr, operation, ": ", operand, " is missing");
  TW_CHECK_AS(ShapeError, view.count() == count && view.dense(), operation, ": ", operand, " is ",
              view.shape.text(), ", wants ", count, " dense elements");
  TW_CHECK_AS(ShapeError, view.dtype == dtype, operation, ": ", operand, " is ",
              name_of(view.dtype), ", wants ", name_of(dtype));
}

}  // namespace tokenwerk
