#pragma once
/// The fastest that cuBLASLt itself can do.

#include "core/cuda/products.h"
#include "tests/bench/gpu/bench.h"

namespace tokenwerk::bench {

struct BestProduct {
  double seconds = 0.0;
  int algorithms = 0;  ///< how many were tried
};

/// d = a b (+ d), as core/cuda/products.h names them, by every algorithm that the heuristics offer
/// within the workspace that they recommend for large GPUs.
[[nodiscard]] BestProduct best_product(Bench& bench, TensorView d, const cuda::Operand& a,
                                       const cuda::Operand& b, Write write);

}  // namespace tokenwerk::bench
