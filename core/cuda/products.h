#pragma once
/// Matrix products by cuBLASLt, with the algorithm that its heuristics name kept by shape.

#include <compare>
#include <map>
#include <optional>

#include "core/cuda/cublas.h"
#include "core/cuda/stream.h"
#include "core/ops/operations.h"
#include "core/tensor.h"

namespace tokenwerk::cuda {

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

/// What a product does to its sums before it rounds and writes them.
struct Epilogue {
  cublasLtEpilogue_t kind = CUBLASLT_EPILOGUE_DEFAULT;
  ConstTensorView bias;           ///< (M), of d's dtype, for the kinds that add one
  ConstTensorView gelu_argument;  ///< like d: written by GELU_AUX..., read by DGELU

  /// cuBLASLt's terms for the argument of a fused GELU (cublasLt.h, MATMUL_DESC_EPILOGUE_AUX_LD).
  [[nodiscard]] static bool takes(const ConstTensorView& gelu_argument);
};

/// All that cuBLASLt's choice of an algorithm may depend on.
struct ProductKey {
  Index m, n, k;
  Index lda, ldb, ldd, ld_argument;
  DType input, output;
  Side a, b;
  cublasLtEpilogue_t epilogue;
  bool accumulate;
  std::uint32_t alignment_a, alignment_b, alignment_d, alignment_bias, alignment_argument;

  friend auto operator<=>(const ProductKey&, const ProductKey&) = default;
};

struct Algorithm {
  cublasLtMatmulAlgo_t algorithm;
  std::size_t workspace_bytes;
};

class Products {
 public:
  Products();

  /// d(M,N) = a b, column by column: M = a.outer(), and d, row-major, is (N,M). Inputs share a
  /// dtype; d has it or f32.
  void multiply(Stream& stream, TensorView d, const Operand& a, const Operand& b, Write write);
  /// d(M,N) = epilogue(a b); false, with nothing done, where cuBLASLt has no algorithm for it.
  [[nodiscard]] bool try_multiply(Stream& stream, TensorView d, const Operand& a, const Operand& b,
                                  const Epilogue& epilogue, Write write);

 private:
  UniqueCublas handle_;
  std::map<ProductKey, std::optional<Algorithm>> algorithms_;  ///< none: there is none
};

}  // namespace tokenwerk::cuda
