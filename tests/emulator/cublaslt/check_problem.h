#pragma once
/// What the real library refuses, as its manual says it. Each function throws `Refusal`.

#include "tests/emulator/cublaslt/problem.h"

namespace tokenwerk::emulator {

/// Combinations of element, sum and scale types.
void check_types(const Problem& problem, cublasComputeType_t compute, cudaDataType scale,
                 cublasLtPointerMode_t mode);

/// Sizes, leading dimensions, orders and batches.
void check_shapes(const Problem& problem);

/// The epilogue and where it may be used; pointers may still be null.
void check_epilogue(const Problem& problem);

}  // namespace tokenwerk::emulator
