#include "tests/emulator/cublaslt/check_problem.h"

#include <fmt/core.h>

#include <limits>

#include "tests/emulator/cublaslt/elements.h"

namespace tokenwerk::emulator {
namespace {

void require(bool condition, cublasStatus_t status, const std::string& reason) {
  if (!condition) throw Refusal(status, reason);
}

void check_matrix(const char* name, const Matrix& matrix, std::int64_t rows, std::int64_t columns) {
  require(matrix.rows == rows && matrix.columns == columns, CUBLAS_STATUS_INVALID_VALUE,
          fmt::format("{} is {}x{} where the product needs {}x{}", name, matrix.rows,
                      matrix.columns, rows, columns));
  require(matrix.order == CUBLASLT_ORDER_COL || matrix.order == CUBLASLT_ORDER_ROW,
          CUBLAS_STATUS_NOT_SUPPORTED, fmt::format("{} is in neither column nor row order", name));
  const auto least = matrix.order == CUBLASLT_ORDER_COL ? rows : columns;
  require(
      matrix.leading >= least, CUBLAS_STATUS_INVALID_VALUE,
      fmt::format("the leading dimension of {} is {}, less than {}", name, matrix.leading, least));
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  require(rows > 0 && columns > 0 && rows <= most && columns <= most, CUBLAS_STATUS_INVALID_VALUE,
          fmt::format("{} is {}x{}", name, rows, columns));
}

void check_batches(const Problem& problem) {
  const auto batches = problem.d.batches;
  for (const auto* matrix : {&problem.a, &problem.b, &problem.c}) {
    require(matrix->batches == batches, CUBLAS_STATUS_INVALID_VALUE,
            fmt::format("{} and {} matrices in one batch", matrix->batches, batches));
  }
  require(batches >= 1, CUBLAS_STATUS_INVALID_VALUE, fmt::format("a batch of {}", batches));
  if (batches == 1) return;
  // Strides may be shorter than a matrix: heads lie beside one another in the rows of one tensor.
  require(problem.d.batch_stride != 0, CUBLAS_STATUS_INVALID_VALUE,
          "all products of the batch are written to one place");
}

}  // namespace

void check_types(const Problem& problem, cublasComputeType_t compute, cudaDataType scale,
                 cublasLtPointerMode_t mode) {
  require(mode == CUBLASLT_POINTER_MODE_HOST || mode == CUBLASLT_POINTER_MODE_DEVICE,
          CUBLAS_STATUS_NOT_SUPPORTED, "alpha is a vector");
  const auto in = problem.a.type;
  const auto out = problem.d.type;
  const bool is_double = compute == CUBLAS_COMPUTE_64F;
  const bool is_single = compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  require(is_double || is_single, CUBLAS_STATUS_NOT_SUPPORTED,
          fmt::format("compute type {}", static_cast<int>(compute)));
  require(scale == (is_double ? CUDA_R_64F : CUDA_R_32F), CUBLAS_STATUS_NOT_SUPPORTED,
          fmt::format("alpha and beta in {}", name_of(scale)));
  require(bytes_of(in) != 0 && bytes_of(out) != 0 && (in == CUDA_R_64F) == is_double,
          CUBLAS_STATUS_NOT_SUPPORTED, fmt::format("{} to {}", name_of(in), name_of(out)));
  require(problem.b.type == in && problem.c.type == out, CUBLAS_STATUS_NOT_SUPPORTED,
          "a and b, or c and d, are of different types");
  // Half-precision operands may keep their sums in f32; nothing else changes its type.
  const bool is_half = in == CUDA_R_16F || in == CUDA_R_16BF;
  require(out == in || (is_half && out == CUDA_R_32F), CUBLAS_STATUS_NOT_SUPPORTED,
          fmt::format("{} to {}", name_of(in), name_of(out)));
}

void check_shapes(const Problem& problem) {
  const auto m = problem.m();
  const auto n = problem.n();
  const auto k = problem.k();
  check_matrix("a", problem.a, problem.transposes_a ? k : m, problem.transposes_a ? m : k);
  check_matrix("b", problem.b, problem.transposes_b ? n : k, problem.transposes_b ? k : n);
  check_matrix("c", problem.c, m, n);
  check_matrix("d", problem.d, m, n);
  check_batches(problem);
}

void check_epilogue(const Problem& problem) {
  const auto& epilogue = problem.epilogue;
  if (epilogue.kind == CUBLASLT_EPILOGUE_DEFAULT) return;
  require(epilogue.uses_bias() || epilogue.applies_gelu() || epilogue.reads_aux(),
          CUBLAS_STATUS_NOT_SUPPORTED, fmt::format("epilogue {}", static_cast<int>(epilogue.kind)));
  require(problem.d.order == CUBLASLT_ORDER_COL, CUBLAS_STATUS_NOT_SUPPORTED,
          "an epilogue on a matrix in row order");
  const auto out = problem.d.type;
  if (epilogue.uses_bias()) {
    require(epilogue.bias_type == out || (out != CUDA_R_64F && epilogue.bias_type == CUDA_R_32F),
            CUBLAS_STATUS_NOT_SUPPORTED, fmt::format("a bias of {}", name_of(epilogue.bias_type)));
  }
  if (!epilogue.writes_aux() && !epilogue.reads_aux()) return;
  require(epilogue.aux_type == out, CUBLAS_STATUS_NOT_SUPPORTED,
          fmt::format("an auxiliary matrix of {}", name_of(epilogue.aux_type)));
  require(epilogue.aux_leading >= problem.m() && epilogue.aux_leading % 8 == 0,
          CUBLAS_STATUS_INVALID_VALUE,
          fmt::format("the leading dimension of the auxiliary matrix is {}: at least {} and a "
                      "multiple of 8 is needed",
                      epilogue.aux_leading, problem.m()));
}

}  // namespace tokenwerk::emulator
