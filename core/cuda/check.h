#pragma once
/// Status codes of the CUDA runtime and cuBLASLt become errors.

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include "core/error.h"

namespace tokenwerk::cuda {

/// Calls the runtime; anything but success throws DeviceError with the call's name, what CUDA says,
/// and the further parts.
#define TW_CUDA(call, ...)                                                    \
  do {                                                                        \
    const cudaError_t tw_status = (call);                                     \
    if (tw_status != cudaSuccess) [[unlikely]]                                \
      ::tokenwerk::detail::raise<::tokenwerk::DeviceError>(                   \
          __FILE__, __LINE__, #call, ": ", cudaGetErrorName(tw_status), " (", \
          cudaGetErrorString(tw_status), ")" __VA_OPT__(, ) __VA_ARGS__);     \
  } while (false)

/// The same for cuBLASLt.
#define TW_CUBLAS(call, ...)                                                                \
  do {                                                                                      \
    const cublasStatus_t tw_status = (call);                                                \
    if (tw_status != CUBLAS_STATUS_SUCCESS) [[unlikely]]                                    \
      ::tokenwerk::detail::raise<::tokenwerk::DeviceError>(__FILE__, __LINE__, #call, ": ", \
                                                           cublasLtGetStatusName(tw_status) \
                                                               __VA_OPT__(, ) __VA_ARGS__); \
  } while (false)

}  // namespace tokenwerk::cuda
