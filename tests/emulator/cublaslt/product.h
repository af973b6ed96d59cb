#pragma once
/// A matrix product with its operands, and how it is computed when its turn comes.

#include <cstddef>

#include "tests/emulator/cublaslt/problem.h"

namespace tokenwerk::emulator {

/// Where the operands of a product lie, in memory that the stand-ins can read.
struct Operands {
  const std::byte* a = nullptr;
  const std::byte* b = nullptr;
  const std::byte* c = nullptr;
  std::byte* d = nullptr;
  std::byte* bias = nullptr;
  std::byte* aux = nullptr;
};

/// alpha and beta; in f32 products they are f32 values.
struct Scales {
  double alpha = 1;
  double beta = 0;
};

/// Computes all products of the batch. With beta 0, `c` is not read.
void compute_product(const Problem& problem, const Operands& operands, const Scales& scales);

}  // namespace tokenwerk::emulator
