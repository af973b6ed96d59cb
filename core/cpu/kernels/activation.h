#pragma once
/// Kernels of core/cpu/activation.cpp: a run of `count` dense elements each. Results may lie where
/// operands do.

#include "core/cpu/isa.h"
#include "core/dtype.h"

namespace tokenwerk::cpu {

struct ActivationKernels {
  void (*gelu_forward)(DType dtype, void* y, const void* x, Index count);
  void (*gelu_backward)(DType dtype, void* dx, const void* dy, const void* x, Index count);
  void (*swiglu_forward)(DType dtype, void* y, const void* gate, const void* up, Index count);
  void (*swiglu_backward)(DType dtype, void* dgate, void* dup, const void* dy, const void* gate,
                          const void* up, Index count);
};

TW_DECLARE_KERNELS(ActivationKernels, activation_kernels)

}  // namespace tokenwerk::cpu
