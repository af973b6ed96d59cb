#pragma once
/// Owners of cublasLt's descriptors, for tests.

#include <cublasLt.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace tokenwerk::emulator::test {

class LtHandle final {
 public:
  LtHandle() { EXPECT_EQ(cublasLtCreate(&handle_), CUBLAS_STATUS_SUCCESS); }
  LtHandle(const LtHandle&) = delete;
  LtHandle& operator=(const LtHandle&) = delete;
  ~LtHandle() { static_cast<void>(cublasLtDestroy(handle_)); }
  [[nodiscard]] cublasLtHandle_t get() const { return handle_; }

 private:
  cublasLtHandle_t handle_ = nullptr;
};

class LtOperation final {
 public:
  explicit LtOperation(cublasComputeType_t compute = CUBLAS_COMPUTE_32F,
                       cudaDataType scale = CUDA_R_32F) {
    EXPECT_EQ(cublasLtMatmulDescCreate(&operation_, compute, scale), CUBLAS_STATUS_SUCCESS);
  }
  LtOperation(const LtOperation&) = delete;
  LtOperation& operator=(const LtOperation&) = delete;
  ~LtOperation() { static_cast<void>(cublasLtMatmulDescDestroy(operation_)); }

  template <typename T>
  void set(cublasLtMatmulDescAttributes_t which, const T& value) {
    EXPECT_EQ(cublasLtMatmulDescSetAttribute(operation_, which, &value, sizeof value),
              CUBLAS_STATUS_SUCCESS)
        << "attribute " << which;
  }
  [[nodiscard]] cublasLtMatmulDesc_t get() const { return operation_; }

 private:
  cublasLtMatmulDesc_t operation_ = nullptr;
};

struct LayoutOptions {
  cudaDataType type = CUDA_R_32F;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t leading = 0;
  cublasLtOrder_t order = CUBLASLT_ORDER_COL;
  int batches = 1;
  std::int64_t stride = 0;
};

class LtLayout final {
 public:
  explicit LtLayout(const LayoutOptions& options) {
    EXPECT_EQ(
        cublasLtMatrixLayoutCreate(&layout_, options.type, static_cast<std::uint64_t>(options.rows),
                                   static_cast<std::uint64_t>(options.columns), options.leading),
        CUBLAS_STATUS_SUCCESS);
    set(CUBLASLT_MATRIX_LAYOUT_ORDER, options.order);
    set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, options.batches);
    set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, options.stride);
  }
  LtLayout(const LtLayout&) = delete;
  LtLayout& operator=(const LtLayout&) = delete;
  ~LtLayout() { static_cast<void>(cublasLtMatrixLayoutDestroy(layout_)); }
  [[nodiscard]] cublasLtMatrixLayout_t get() const { return layout_; }

 private:
  template <typename T>
  void set(cublasLtMatrixLayoutAttribute_t which, const T& value) {
    EXPECT_EQ(cublasLtMatrixLayoutSetAttribute(layout_, which, &value, sizeof value),
              CUBLAS_STATUS_SUCCESS);
  }
  cublasLtMatrixLayout_t layout_ = nullptr;
};

class LtPreference final {
 public:
  LtPreference() { EXPECT_EQ(cublasLtMatmulPreferenceCreate(&preference_), CUBLAS_STATUS_SUCCESS); }
  LtPreference(const LtPreference&) = delete;
  LtPreference& operator=(const LtPreference&) = delete;
  ~LtPreference() { static_cast<void>(cublasLtMatmulPreferenceDestroy(preference_)); }

  template <typename T>
  void set(cublasLtMatmulPreferenceAttributes_t which, const T& value) {
    EXPECT_EQ(cublasLtMatmulPreferenceSetAttribute(preference_, which, &value, sizeof value),
              CUBLAS_STATUS_SUCCESS);
  }
  [[nodiscard]] cublasLtMatmulPreference_t get() const { return preference_; }

 private:
  cublasLtMatmulPreference_t preference_ = nullptr;
};

}  // namespace tokenwerk::emulator::test
