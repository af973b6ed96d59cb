/// Names and descriptions of the errors that the stand-ins and their users know.

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>

namespace {

struct Text {
  cudaError_t error;
  const char* name;
  const char* description;
};

constexpr std::array texts = {
    Text{cudaSuccess, "cudaSuccess", "no error"},
    Text{cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    Text{cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    Text{cudaErrorInitializationError, "cudaErrorInitializationError", "initialization error"},
    Text{cudaErrorCudartUnloading, "cudaErrorCudartUnloading", "driver shutting down"},
    Text{cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
         "invalid configuration argument"},
    Text{cudaErrorInvalidPitchValue, "cudaErrorInvalidPitchValue", "invalid pitch argument"},
    Text{cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection",
         "invalid copy direction for memcpy"},
    Text{cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
         "CUDA driver version is insufficient for CUDA runtime version"},
    Text{cudaErrorInvalidDeviceFunction, "cudaErrorInvalidDeviceFunction",
         "invalid device function"},
    Text{cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    Text{cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    Text{cudaErrorNoKernelImageForDevice, "cudaErrorNoKernelImageForDevice",
         "no kernel image is available for execution on the device"},
    Text{cudaErrorInvalidPtx, "cudaErrorInvalidPtx", "a PTX JIT compilation failed"},
    Text{cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle",
         "invalid resource handle"},
    Text{cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    Text{cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
         "an illegal memory access was encountered"},
    Text{cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources",
         "too many resources requested for launch"},
    Text{cudaErrorAssert, "cudaErrorAssert", "device-side assert triggered"},
    Text{cudaErrorHostMemoryAlreadyRegistered, "cudaErrorHostMemoryAlreadyRegistered",
         "part or all of the requested memory range is already mapped"},
    Text{cudaErrorHostMemoryNotRegistered, "cudaErrorHostMemoryNotRegistered",
         "pointer does not correspond to a registered memory region"},
    Text{cudaErrorMisalignedAddress, "cudaErrorMisalignedAddress", "misaligned address"},
    Text{cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    Text{cudaErrorNotPermitted, "cudaErrorNotPermitted", "operation not permitted"},
    Text{cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
    Text{cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

const Text* text_of(cudaError_t error) {
  const auto* const found = std::find_if(texts.begin(), texts.end(),
                                         [&](const Text& text) { return text.error == error; });
  return found == texts.end() ? nullptr : found;
}

}  // namespace

const char* CUDARTAPI cudaGetErrorName(cudaError_t error) {
  const auto* const text = text_of(error);
  return text == nullptr ? "unrecognized error code" : text->name;
}

const char* CUDARTAPI cudaGetErrorString(cudaError_t error) {
  const auto* const text = text_of(error);
  return text == nullptr ? "unrecognized error code" : text->description;
}
