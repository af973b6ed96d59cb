#pragma once
/// Kernels of core/cpu/loss.cpp: one row of logits each.

#include "core/cpu/isa.h"
#include "core/dtype.h"

namespace tokenwerk::cpu {

/// What a row's kernels are told. The logits are f32 or f64; so are the row's loss and log-sum-exp.
struct LossRow {
  const void* logits;
  Index columns;     ///< of the row
  Index vocabulary;  ///< that are not padding: the first ones
  Index target;      ///< its column, outside the row if another share holds it
  bool masked = false;
};

/// One row's log-sum-exp and target logit of every share.
struct LossShares {
  const void* first;  ///< of share 0
  Index stride;       ///< elements from one share to the next
  Index count;
  bool masked;
};

struct LossKernels {
  void (*forward)(DType dtype, void* loss, void* lse, const LossRow& row);
  /// partial(2): log-sum-exp by a tree over so many chunks of the columns, and the target's logit.
  void (*share)(DType dtype, void* partial, const LossRow& row, Index chunks);
  void (*combine)(DType dtype, void* loss, void* lse, const LossShares& shares);
  /// dlogits, which may be the logits, are of their type or bf16: `dtype`.
  void (*backward)(DType dtype, void* dlogits, const LossRow& row, const void* lse, double scale);
};

TW_DECLARE_KERNELS(LossKernels, loss_kernels)

}  // namespace tokenwerk::cpu
