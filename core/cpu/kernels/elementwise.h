#pragma once
/// Kernels of core/cpu/elementwise.cpp: a run of `count` dense elements each.

#include "core/cpu/isa.h"
#include "core/dtype.h"

namespace tokenwerk::cpu {

struct ElementwiseKernels {
  void (*add)(DType dtype, void* y, const void* a, const void* b, Index count);
  void (*scale)(DType dtype, void* y, double factor, Index count);
  void (*convert)(DType to, void* y, DType from, const void* x, Index count);
  /// Sum in f64: lane i sums the elements i, i + 16, ...; then the tree over lanes.
  double (*sum)(DType dtype, const void* x, Index count);
};

TW_DECLARE_KERNELS(ElementwiseKernels, elementwise_kernels)

}  // namespace tokenwerk::cpu
