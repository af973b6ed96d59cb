#pragma once
/// Kernels of core/cpu/optimizer.cpp.

#include "core/cpu/isa.h"
#include "core/dtype.h"

namespace tokenwerk::cpu {

/// A run of `count` dense elements. Where `dtype` (of w) is bf16, the master holds the weights and
/// w is their rounded copy; otherwise the master is w itself.
struct AdamWRun {
  DType dtype;
  Index count;
  void *w, *master, *m, *v;
  const void* gradient;
  double gradient_scale, beta1, beta2;
  double decay;            ///< learning rate * weight decay
  double step_size;        ///< learning rate / correction of m
  double root_correction;  ///< 1 / sqrt(correction of v)
  double epsilon;
};

struct OptimizerKernels {
  void (*adamw)(const AdamWRun&);
  /// Sum of squares in f64: lane i sums the elements i, i + 16, ...; then the tree over lanes.
  double (*squared_norm)(DType dtype, const void* x, Index count);
};

TW_DECLARE_KERNELS(OptimizerKernels, optimizer_kernels)

}  // namespace tokenwerk::cpu
