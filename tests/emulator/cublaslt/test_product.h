#pragma once
/// A product as a test states it, run through cublasLt and by plain loops.

#include <cublasLt.h>

#include <cstdint>
#include <vector>

namespace tokenwerk::emulator::test {

/// What to multiply. Matrices have rows of padding, and batches gaps, that nobody may touch.
struct ProductCase {
  std::int64_t m = 7;
  std::int64_t n = 5;
  std::int64_t k = 9;
  cudaDataType in = CUDA_R_32F;
  cudaDataType out = CUDA_R_32F;
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cublasOperation_t transpose_a = CUBLAS_OP_N;
  cublasOperation_t transpose_b = CUBLAS_OP_N;
  cublasLtOrder_t order = CUBLASLT_ORDER_COL;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  cudaDataType bias_type = CUDA_R_32F;
  double alpha = 1;
  double beta = 0;
  bool scales_on_device = false;
  std::int64_t padding = 3;
  int batches = 1;
};

/// What came out, in f64, padding included: d, the auxiliary matrix and the bias or its gradient.
struct ProductResult {
  std::vector<double> d;
  std::vector<double> aux;
  std::vector<double> bias;
};

/// Through the library. Failures of calls are failures of the test.
[[nodiscard]] ProductResult run_product(const ProductCase& one);
/// By plain loops, with inputs rounded as the library's are.
[[nodiscard]] ProductResult expected_product(const ProductCase& one);

/// Expects equal results, up to roundings of the output type.
void expect_product(const ProductCase& one);

}  // namespace tokenwerk::emulator::test
