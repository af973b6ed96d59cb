#pragma once
/// Matrix products by cuBLASLt, with the algorithm that its heuristics name kept by shape.

#include <cublasLt.h>

#include <compare>
#include <map>

#include "core/cuda/stream.h"
#include "core/ops/operations.h"
#include "core/tensor.h"
#include "core/unique_handle.h"

namespace tokenwerk::cuda {

struct CublasTraits {
  using Handle = cublasLtHandle_t;
  static Handle none() { return nullptr; }
  static void release(Handle handle) noexcept;
};

/// How a stored matrix enters a product.
enum class Side { as_stored, transposed };

/// A matrix as cuBLASLt sees it: column by column, so that a row-major array (rows, columns) is its
/// own transpose, (columns x rows).
struct Operand {
  ConstTensorView view;
  Side side;

  [[nodiscard]] Index outer() const {
    return side == Side::as_stored ? view.columns() : view.rows();
  }
  [[nodiscard]] Index inner() const {
    return side == Side::as_stored ? view.rows() : view.columns();
  }
};

/// All that cuBLASLt's choice of an algorithm may depend on.
struct ProductKey {
  Index m, n, k;
  Index lda, ldb, ldd;
  DType input, output;
  Side a, b;
  bool bias, accumulate;
  std::uint32_t alignment_a, alignment_b, alignment_d;

  friend auto operator<=>(const ProductKey&, const ProductKey&) = default;
};

class Products {
 public:
  Products();

  /// d(M,N) = a b + bias, column by column: M = a.outer(), and d, row-major, is (N,M). Inputs share
  /// a dtype; d has it or f32. The bias (M) may be empty and has d's dtype.
  void multiply(Stream& stream, TensorView d, const Operand& a, const Operand& b,
                ConstTensorView bias, Write write);

 private:
  struct Algorithm {
    cublasLtMatmulAlgo_t algorithm;
    std::size_t workspace_bytes;
  };

  UniqueHandle<CublasTraits> handle_;
  std::map<ProductKey, Algorithm> algorithms_;
};

}  // namespace tokenwerk::cuda
