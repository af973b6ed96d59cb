/// The entry points for streams. Priorities are kept and change nothing.

#include <cuda_runtime_api.h>

#include "tests/emulator/runtime/counters.h"
#include "tests/emulator/runtime/devices.h"
#include "tests/emulator/runtime/executor.h"
#include "tests/emulator/runtime/faults.h"

using namespace tokenwerk::emulator;

namespace {

constexpr int least_priority = 0;
constexpr int greatest_priority = -5;

}  // namespace

cudaError_t CUDARTAPI cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags,
                                                   int priority) {
  return api_call([&] {
    if (stream == nullptr || flags > cudaStreamNonBlocking) return cudaErrorInvalidValue;
    *stream = Executor::instance().create_stream(flags, priority, current_device());
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, least_priority);
}

cudaError_t CUDARTAPI cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t CUDARTAPI cudaStreamDestroy(cudaStream_t stream) {
  return api_call([&] {
    return Executor::instance().destroy_stream(stream) ? cudaSuccess
                                                       : cudaErrorInvalidResourceHandle;
  });
}

cudaError_t CUDARTAPI cudaStreamSynchronize(cudaStream_t stream) {
  return api_call([&] {
    if (!is_stream(stream)) return cudaErrorInvalidResourceHandle;
    count(&Counters::synchronizations);
    wait_for_stream(stream);
    return standing_fault();
  });
}

cudaError_t CUDARTAPI cudaStreamQuery(cudaStream_t stream) {
  return api_call([&] {
    if (!is_stream(stream)) return cudaErrorInvalidResourceHandle;
    return Executor::instance().is_idle(stream) ? cudaSuccess : cudaErrorNotReady;
  });
}

cudaError_t CUDARTAPI cudaStreamGetFlags(cudaStream_t stream, unsigned* flags) {
  return api_call([&] {
    const auto* const found = Executor::instance().resolve(stream);
    if (found == nullptr) return cudaErrorInvalidResourceHandle;
    if (flags == nullptr) return cudaErrorInvalidValue;
    *flags = found->flags;
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaStreamGetPriority(cudaStream_t stream, int* priority) {
  return api_call([&] {
    const auto* const found = Executor::instance().resolve(stream);
    if (found == nullptr) return cudaErrorInvalidResourceHandle;
    if (priority == nullptr) return cudaErrorInvalidValue;
    *priority = found->priority;
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return api_call([&] {
    if (least != nullptr) *least = least_priority;
    if (greatest != nullptr) *greatest = greatest_priority;
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaDeviceSynchronize() {
  return api_call([&] {
    count(&Counters::synchronizations);
    wait_for_device(current_device());
    return standing_fault();
  });
}

cudaError_t CUDARTAPI cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return api_call([&] {
    if (!is_stream(stream)) return cudaErrorInvalidResourceHandle;
    if (function == nullptr) return cudaErrorInvalidValue;
    enqueue(stream, [function, data] {
      inside_host_function() = true;
      function(data);
      inside_host_function() = false;
      return true;
    });
    return cudaSuccess;
  });
}
