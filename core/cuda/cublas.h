#pragma once
/// cuBLASLt's objects as owned handles, and how a tensor and its dtype are described to it.

#include <cublasLt.h>

#include "core/cuda/check.h"
#include "core/tensor.h"
#include "core/unique_handle.h"

namespace tokenwerk::cuda {

struct CublasTraits {
  using Handle = cublasLtHandle_t;
  static Handle none() { return nullptr; }
  static void release(Handle handle) noexcept;  ///< a failure is logged
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
[[nodiscard]] cudaDataType cublas_type_of(DType dtype);

/// Of a row-major array, which column by column is its transpose.
[[nodiscard]] UniqueLayout layout_of(const ConstTensorView& view);

}  // namespace tokenwerk::cuda
