#pragma once
/// cuBLASLt's objects as owned handles, and how a tensor and its dtype are described to it. In a
/// header alone: the benches that measure cuBLASLt itself do not link the back end.

#include <cublasLt.h>

#include "core/cuda/check.h"
#include "core/log.h"
#include "core/tensor.h"
#include "core/unique_handle.h"

namespace tokenwerk::cuda {

struct CublasTraits {
  using Handle = cublasLtHandle_t;
  static Handle none() { return nullptr; }
  static void release(Handle handle) noexcept {
    if (const cublasStatus_t status = cublasLtDestroy(handle); status != CUBLAS_STATUS_SUCCESS)
      log_error("cublasLtDestroy: {}", cublasLtGetStatusName(status));
  }
};

/// Of an object that lives in host memory only.
template <typename T, cublasStatus_t (*destroy)(T)>
struct CublasObjectTraits {
  using Handle = T;
  static Handle none() { return nullptr; }
  static void release(Handle handle) noexcept { destroy(handle); }
};

using UniqueCublas = UniqueHandle<CublasTraits>;
using UniqueDescription =
    UniqueHandle<CublasObjectTraits<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>>;
using UniqueLayout =
    UniqueHandle<CublasObjectTraits<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>>;
using UniquePreference =
    UniqueHandle<CublasObjectTraits<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>>;

template <typename T>
void set(const UniqueDescription& description, cublasLtMatmulDescAttributes_t attribute,
         const T& value) {
  TW_CUBLAS(cublasLtMatmulDescSetAttribute(description.get(), attribute, &value, sizeof value));
}
template <typename T>
void set(const UniquePreference& preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const T& value) {
  TW_CUBLAS(
      cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof value));
}

/// How a stored matrix enters a product.
enum class Side { as_stored, transposed };

[[nodiscard]] inline cublasOperation_t operation_of(Side side) {
  return side == Side::transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
}

/// Of f32, bf16 or f64.
[[nodiscard]] inline cudaDataType cublas_type_of(DType dtype) {
  if (dtype == DType::f64) return CUDA_R_64F;
  return dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

/// Of a row-major array, which column by column is its transpose.
[[nodiscard]] inline UniqueLayout layout_of(const ConstTensorView& view) {
  UniqueLayout layout;
  TW_CUBLAS(cublasLtMatrixLayoutCreate(layout.receive(), cublas_type_of(view.dtype),
                                       static_cast<std::uint64_t>(view.columns()),
                                       static_cast<std::uint64_t>(view.rows()), view.row_stride));
  return layout;
}

}  // namespace tokenwerk::cuda
