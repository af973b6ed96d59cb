#pragma once
/// Kernels of core/cpu/embedding.cpp.

#include "core/cpu/isa.h"
#include "core/cpu/kernels/rows.h"

namespace tokenwerk::cpu {

/// The tokens of some rows, and which of them a table holds: first .. last.
struct HeldTokens {
  const std::int32_t* ids;
  Index first, last;
};

struct EmbeddingKernels {
  /// sum(count) += x(count), with sum in accumulation_type(dtype).
  void (*accumulate)(DType dtype, void* sum, const void* x, Index count);
  /// For each row r in order: sums(V, columns)[tokens[r]] += x(rows, columns)[r], if it is held.
  void (*scatter)(DType dtype, MutableRows sums, const HeldTokens& tokens, ConstRows x, Index rows,
                  Index columns);
};

TW_DECLARE_KERNELS(EmbeddingKernels, embedding_kernels)

}  // namespace tokenwerk::cpu
