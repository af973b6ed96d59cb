#pragma once
/// Arrays as kernels see them. nvcc reads these headers: they include nothing that it cannot.

#include <cuda_runtime_api.h>

#include "core/dtype.h"

namespace tokenwerk::cuda {

/// A read-only window: rows of dense columns, `row_stride` elements apart.
struct ConstArray {
  const void* data;
  Index rows, columns, row_stride;
  DType dtype;
};

/// A writable one.
struct Array {
  void* data;
  Index rows, columns, row_stride;
  DType dtype;

  operator ConstArray() const { return {data, rows, columns, row_stride, dtype}; }
};

}  // namespace tokenwerk::cuda
