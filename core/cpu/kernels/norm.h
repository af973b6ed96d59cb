#pragma once
/// Kernels of core/cpu/norm.cpp: a block of rows each. Statistics, dgamma and dbeta are in
/// accumulation_type(dtype), everything else is in dtype.

#include "core/cpu/isa.h"
#include "core/cpu/kernels/rows.h"
#include "core/ops/operations.h"

namespace tokenwerk::cpu {

struct NormForward {
  DType dtype;
  Index rows, columns;
  MutableRows y, stats;
  ConstRows x;
  const void *gamma, *beta;  ///< no beta for RMSNorm
  double epsilon;
};

struct NormBackwardInput {
  DType dtype;
  Index rows, columns;
  MutableRows dx;
  ConstRows dy, x, stats;
  const void* gamma;
  Write write;
};

struct NormBackwardWeight {
  DType dtype;
  Index rows, columns;
  void *dgamma, *dbeta;  ///< overwritten; no dbeta for RMSNorm
  ConstRows dy, x, stats;
};

struct NormKernels {
  void (*layer_norm_forward)(const NormForward&);
  void (*layer_norm_backward_input)(const NormBackwardInput&);
  /// Sums over the rows in their order.
  void (*layer_norm_backward_weight)(const NormBackwardWeight&);
  void (*rms_norm_forward)(const NormForward&);
  void (*rms_norm_backward_input)(const NormBackwardInput&);
  void (*rms_norm_backward_weight)(const NormBackwardWeight&);
};

TW_DECLARE_KERNELS(NormKernels, norm_kernels)

}  // namespace tokenwerk::cpu
