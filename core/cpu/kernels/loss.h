#pragma once
/// Kernels of core/cpu/loss.cpp: one row of logits each.

#include "core/cpu/isa.h"
#include "core/dtype.h"

namespace tokenwerk::cpu {

/// What a row's kernels are told. The logits are f32 or f64; so are the row's loss and log-sum-exp.
struct LossRow {
  const void* logits;
  Index columns;     ///< of the row
  Index vocabulary;  ///< that are not padding
  Index target;      ///< negative if masked
};

struct LossKernels {
  void (*forward)(DType dtype, void* loss, void* lse, const LossRow& row);
  /// dlogits, which may be the logits, are of their type or bf16: `dtype`.
  void (*backward)(DType dtype, void* dlogits, const LossRow& row, const void* lse, double scale);
};

TW_DECLARE_KERNELS(LossKernels, loss_kernels)

}  // namespace tokenwerk::cpu
