#pragma once
/// Kernels of core/cpu/rope.cpp.

#include "core/cpu/isa.h"
#include "core/cpu/kernels/rows.h"

namespace tokenwerk::cpu {

/// One row of x, (heads, 2 * half), and the cosines and sines (half) of its position's angles, in
/// accumulation_type(dtype).
struct RopeRow {
  DType dtype;
  Index heads, half;
  void* x;
  const void *cosines, *sines;
};

struct RopeKernels {
  void (*turn)(const RopeRow&);
  void (*turn_back)(const RopeRow&);
};

TW_DECLARE_KERNELS(RopeKernels, rope_kernels)

}  // namespace tokenwerk::cpu
