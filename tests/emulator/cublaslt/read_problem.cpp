#include "tests/emulator/cublaslt/check_problem.h"
#include "tests/emulator/cublaslt/elements.h"
#include "tests/emulator/cublaslt/problem.h"

namespace tokenwerk::emulator {
namespace {

template <typename T>
T attribute(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t which) {
  T value{};
  std::size_t written = 0;
  if (cublasLtMatmulDescGetAttribute(description, which, &value, sizeof value, &written) !=
      CUBLAS_STATUS_SUCCESS) {
    throw Refusal(CUBLAS_STATUS_INVALID_VALUE, "the operation is no descriptor");
  }
  return value;
}

template <typename T>
T attribute(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t which) {
  T value{};
  std::size_t written = 0;
  if (cublasLtMatrixLayoutGetAttribute(layout, which, &value, sizeof value, &written) !=
      CUBLAS_STATUS_SUCCESS) {
    throw Refusal(CUBLAS_STATUS_INVALID_VALUE, "a matrix has no layout");
  }
  return value;
}

Matrix read_matrix(cublasLtMatrixLayout_t layout) {
  if (layout == nullptr) throw Refusal(CUBLAS_STATUS_INVALID_VALUE, "a matrix has no layout");
  Matrix matrix;
  matrix.type =
      static_cast<cudaDataType>(attribute<std::uint32_t>(layout, CUBLASLT_MATRIX_LAYOUT_TYPE));
  matrix.order =
      static_cast<cublasLtOrder_t>(attribute<std::int32_t>(layout, CUBLASLT_MATRIX_LAYOUT_ORDER));
  matrix.rows =
      static_cast<std::int64_t>(attribute<std::uint64_t>(layout, CUBLASLT_MATRIX_LAYOUT_ROWS));
  matrix.columns =
      static_cast<std::int64_t>(attribute<std::uint64_t>(layout, CUBLASLT_MATRIX_LAYOUT_COLS));
  matrix.leading = attribute<std::int64_t>(layout, CUBLASLT_MATRIX_LAYOUT_LD);
  matrix.batches = attribute<std::int32_t>(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT);
  matrix.batch_stride =
      attribute<std::int64_t>(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET);
  return matrix;
}

/// The type that an attribute says, or another one where it says none.
cudaDataType type_or(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t which,
                     cudaDataType otherwise) {
  const auto type = attribute<std::int32_t>(description, which);
  return type < 0 ? otherwise : static_cast<cudaDataType>(type);
}

Epilogue read_epilogue(cublasLtMatmulDesc_t description, cudaDataType type) {
  Epilogue epilogue;
  epilogue.kind = static_cast<cublasLtEpilogue_t>(
      attribute<std::uint32_t>(description, CUBLASLT_MATMUL_DESC_EPILOGUE));
  epilogue.bias = attribute<void*>(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER);
  epilogue.bias_type = type_or(description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type);
  epilogue.bias_batch_stride =
      attribute<std::int64_t>(description, CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE);
  epilogue.aux = attribute<void*>(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER);
  epilogue.aux_type = type_or(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE, type);
  epilogue.aux_leading = attribute<std::int64_t>(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD);
  epilogue.aux_batch_stride =
      attribute<std::int64_t>(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE);
  return epilogue;
}

bool reads_transposed(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t which) {
  // Real numbers are their own conjugates.
  return attribute<std::int32_t>(description, which) != CUBLAS_OP_N;
}

}  // namespace

std::size_t Matrix::extent() const {
  const auto last =
      (rows - 1) * row_step() + (columns - 1) * column_step() + (batches - 1) * batch_stride;
  return static_cast<std::size_t>(last + 1) * bytes_of(type);
}

bool Matrix::is_dense() const {
  const auto line = order == CUBLASLT_ORDER_COL ? rows : columns;
  return leading == line && (batches == 1 || batch_stride == rows * columns);
}

bool Epilogue::adds_bias() const {
  return kind == CUBLASLT_EPILOGUE_BIAS || kind == CUBLASLT_EPILOGUE_GELU_BIAS ||
         kind == CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
}

bool Epilogue::applies_gelu() const {
  return kind == CUBLASLT_EPILOGUE_GELU || kind == CUBLASLT_EPILOGUE_GELU_BIAS || writes_aux();
}

bool Epilogue::writes_aux() const {
  return kind == CUBLASLT_EPILOGUE_GELU_AUX || kind == CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
}

bool Epilogue::reads_aux() const {
  return kind == CUBLASLT_EPILOGUE_DGELU || kind == CUBLASLT_EPILOGUE_DGELU_BGRAD;
}

std::size_t Problem::bias_extent() const {
  const auto last = bias_length() + (d.batches - 1) * epilogue.bias_batch_stride;
  return static_cast<std::size_t>(last) * bytes_of(epilogue.bias_type);
}

std::size_t Problem::aux_extent() const {
  const auto last =
      (n() - 1) * epilogue.aux_leading + m() + (d.batches - 1) * epilogue.aux_batch_stride;
  return static_cast<std::size_t>(last) * bytes_of(epilogue.aux_type);
}

Problem read_problem(cublasLtMatmulDesc_t description, cublasLtMatrixLayout_t a,
                     cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d) {
  if (description == nullptr) {
    throw Refusal(CUBLAS_STATUS_INVALID_VALUE, "the operation is no descriptor");
  }
  Problem problem;
  problem.a = read_matrix(a);
  problem.b = read_matrix(b);
  problem.c = read_matrix(c);
  problem.d = read_matrix(d);
  problem.transposes_a = reads_transposed(description, CUBLASLT_MATMUL_DESC_TRANSA);
  problem.transposes_b = reads_transposed(description, CUBLASLT_MATMUL_DESC_TRANSB);
  problem.epilogue = read_epilogue(description, problem.d.type);
  const auto compute = static_cast<cublasComputeType_t>(
      attribute<std::int32_t>(description, CUBLASLT_MATMUL_DESC_COMPUTE_TYPE));
  const auto scale = static_cast<cudaDataType>(
      attribute<std::int32_t>(description, CUBLASLT_MATMUL_DESC_SCALE_TYPE));
  const auto mode = static_cast<cublasLtPointerMode_t>(
      attribute<std::int32_t>(description, CUBLASLT_MATMUL_DESC_POINTER_MODE));
  problem.rounds_to_tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32 && problem.a.type == CUDA_R_32F;
  problem.scales_on_device = mode == CUBLASLT_POINTER_MODE_DEVICE;
  check_types(problem, compute, scale, mode);
  check_shapes(problem);
  check_epilogue(problem);
  return problem;
}

}  // namespace tokenwerk::emulator
