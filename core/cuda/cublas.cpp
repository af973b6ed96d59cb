#include "core/cuda/cublas.h"

#include "core/log.h"

namespace tokenwerk::cuda {

void CublasTraits::release(cublasLtHandle_t handle) noexcept {
  if (const cublasStatus_t status = cublasLtDestroy(handle); status != CUBLAS_STATUS_SUCCESS)
    log_error("cublasLtDestroy: {}", cublasLtGetStatusName(status));
}

cudaDataType cublas_type_of(DType dtype) {
  if (dtype == DType::f64) return CUDA_R_64F;
  return dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

UniqueLayout layout_of(const ConstTensorView& view) {
  UniqueLayout layout;
  TW_CUBLAS(cublasLtMatrixLayoutCreate(layout.receive(), cublas_type_of(view.dtype),
                                       static_cast<std::uint64_t>(view.columns()),
                                       static_cast<std::uint64_t>(view.rows()), view.row_stride));
  return layout;
}

}  // namespace tokenwerk::cuda
