#pragma once
/// Matrix products whose every element is summed in an order that depends on the summed dim alone:
/// not on the other dims, nor on threads, tiles or the instruction set.

#include "core/cpu/matrix.h"
#include "core/ops/matmul.h"

namespace tokenwerk::cpu {

/// c(M,N) = a(M,K) b(K,N) + bias(N) in the order SumOrder::fixed, no extent zero; the bias is empty
/// or has accumulation_type. Operands are packed in memory from c's device: at most 17 MiB a thread
/// (f64: 34 MiB).
void multiply_fixed(TensorView c, const Matrix& a, const Matrix& b, ConstTensorView bias,
                    const Matmul& how);

}  // namespace tokenwerk::cpu
