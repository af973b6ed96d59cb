/// The entry points for memory and for words about errors.

#include <cuda_runtime_api.h>
#include <nccl.h>

#include "tests/emulator/nccl/communicator.h"
#include "tests/emulator/runtime/device_memory.h"

using namespace tokenwerk::emulator;

ncclResult_t ncclMemAlloc(void** pointer, std::size_t bytes) {
  return cudaMalloc(pointer, bytes) == cudaSuccess ? ncclSuccess : ncclUnhandledCudaError;
}

ncclResult_t ncclMemFree(void* pointer) {
  return cudaFree(pointer) == cudaSuccess ? ncclSuccess : ncclUnhandledCudaError;
}

ncclResult_t ncclCommRegister(const ncclComm_t comm, void* buffer, std::size_t bytes,
                              void** handle) {
  if (!find_communicator(comm) || handle == nullptr) return ncclInvalidArgument;
  if (!device_range(buffer, bytes, "ncclCommRegister")) return ncclInvalidArgument;
  *handle = buffer;  // registration changes nothing here
  return ncclSuccess;
}

ncclResult_t ncclCommDeregister(const ncclComm_t comm, void* handle) {
  return find_communicator(comm) && handle != nullptr ? ncclSuccess : ncclInvalidArgument;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess: return "no error";
    case ncclUnhandledCudaError: return "unhandled cuda error";
    case ncclSystemError: return "unhandled system error";
    case ncclInternalError: return "internal error";
    case ncclInvalidArgument: return "invalid argument";
    case ncclInvalidUsage: return "invalid usage";
    case ncclRemoteError: return "remote process exited or there was a network error";
    case ncclInProgress: return "NCCL operation in progress";
    default: return "unknown result code";
  }
}

const char* ncclGetLastError(ncclComm_t) { return last_message().c_str(); }
