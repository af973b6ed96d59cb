#pragma once
/// One matrix product as the descriptors say it; they are read through the real library.

#include <cublasLt.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace tokenwerk::emulator {

/// A call that the real library refuses too, with its status and the reason.
struct Refusal : std::runtime_error {
  Refusal(cublasStatus_t what_status, const std::string& reason)
      : std::runtime_error(reason), status(what_status) {}
  cublasStatus_t status;
};

/// One matrix, or a batch of them.
struct Matrix {
  cudaDataType type = CUDA_R_32F;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t leading = 0;  ///< elements from one column, or row, to the next
  cublasLtOrder_t order = CUBLASLT_ORDER_COL;
  std::int64_t batches = 1;
  std::int64_t batch_stride = 0;

  [[nodiscard]] std::int64_t row_step() const { return order == CUBLASLT_ORDER_COL ? 1 : leading; }
  [[nodiscard]] std::int64_t column_step() const {
    return order == CUBLASLT_ORDER_COL ? leading : 1;
  }
  /// Bytes from the first element to the end of the last one.
  [[nodiscard]] std::size_t extent() const;
  /// Whether no gaps lie between its elements.
  [[nodiscard]] bool is_dense() const;
  [[nodiscard]] bool operator==(const Matrix&) const = default;
};

/// What happens to the sums before they are written.
struct Epilogue {
  cublasLtEpilogue_t kind = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;  ///< a gradient is written here
  cudaDataType bias_type = CUDA_R_32F;
  std::int64_t bias_batch_stride = 0;
  void* aux = nullptr;  ///< the argument of gelu
  cudaDataType aux_type = CUDA_R_32F;
  std::int64_t aux_leading = 0;
  std::int64_t aux_batch_stride = 0;

  [[nodiscard]] bool adds_bias() const;
  [[nodiscard]] bool sums_output() const { return kind == CUBLASLT_EPILOGUE_DGELU_BGRAD; }
  [[nodiscard]] bool sums_a() const { return kind == CUBLASLT_EPILOGUE_BGRADA; }
  [[nodiscard]] bool sums_b() const { return kind == CUBLASLT_EPILOGUE_BGRADB; }
  [[nodiscard]] bool uses_bias() const {
    return adds_bias() || sums_output() || sums_a() || sums_b();
  }
  [[nodiscard]] bool applies_gelu() const;
  [[nodiscard]] bool writes_aux() const;
  [[nodiscard]] bool reads_aux() const;
};

/// d(M,N) = epilogue(alpha * op(a)(M,K) @ op(b)(K,N) + beta * c(M,N)).
struct Problem {
  Matrix a;
  Matrix b;
  Matrix c;
  Matrix d;
  bool transposes_a = false;
  bool transposes_b = false;
  bool rounds_to_tf32 = false;
  bool scales_on_device = false;  ///< alpha and beta are device pointers
  Epilogue epilogue;

  [[nodiscard]] std::int64_t m() const { return d.rows; }
  [[nodiscard]] std::int64_t n() const { return d.columns; }
  [[nodiscard]] std::int64_t k() const { return transposes_a ? a.rows : a.columns; }
  [[nodiscard]] bool is_double() const { return a.type == CUDA_R_64F; }
  [[nodiscard]] std::int64_t bias_length() const { return epilogue.sums_b() ? n() : m(); }
  [[nodiscard]] std::size_t bias_extent() const;
  [[nodiscard]] std::size_t aux_extent() const;
};

/// Reads and checks the descriptors. Throws `Refusal`.
[[nodiscard]] Problem read_problem(cublasLtMatmulDesc_t description, cublasLtMatrixLayout_t a,
                                   cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                   cublasLtMatrixLayout_t d);

}  // namespace tokenwerk::emulator
