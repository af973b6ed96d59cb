#pragma once
/// From tensors to what kernels take.

#include "core/cuda/kernels/array.h"
#include "core/tensor.h"

namespace tokenwerk::cuda {

[[nodiscard]] inline ConstArray array_of(const ConstTensorView& view) {
  return {view.data, view.rows(), view.columns(), view.row_stride, view.dtype};
}
[[nodiscard]] inline Array array_of(const TensorView& view) {
  return {view.data, view.rows(), view.columns(), view.row_stride, view.dtype};
}

}  // namespace tokenwerk::cuda
