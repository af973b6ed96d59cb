#include "core/cuda/event.h"

#include "core/log.h"

namespace tokenwerk::cuda {

void EventTraits::release(cudaEvent_t event) noexcept {
  if (const cudaError_t status = cudaEventDestroy(event); status != cudaSuccess)
    log_error("cudaEventDestroy: {}", cudaGetErrorString(status));
}

UniqueEvent make_event(unsigned flags) {
  UniqueEvent event;
  TW_CUDA(cudaEventCreateWithFlags(event.receive(), flags | cudaEventBlockingSync));
  return event;
}

bool has_passed(cudaEvent_t event) {
  const cudaError_t status = cudaEventQuery(event);
  if (status == cudaErrorNotReady) static_cast<void>(cudaGetLastError());
  if (status != cudaSuccess && status != cudaErrorNotReady) TW_CUDA(status, " of an event");
  return status == cudaSuccess;
}

}  // namespace tokenwerk::cuda
