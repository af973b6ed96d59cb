#pragma once
/// Kernels of core/cpu/matmul.cpp beside the products, which are oneDNN's or kernels/product.h's.

#include "core/cpu/isa.h"
#include "core/dtype.h"

namespace tokenwerk::cpu {

struct MatmulKernels {
  /// sums(columns), f32 or f64, += the rows of dy(rows, columns), eight rows at a time by a tree
  /// and the eights in order.
  void (*add_rows)(DType dtype, void* sums, const void* dy, Index rows, Index row_stride,
                   Index columns);
};

TW_DECLARE_KERNELS(MatmulKernels, matmul_kernels)

}  // namespace tokenwerk::cpu
