/// The entry points for device memory, and what a pointer is.

#include <fmt/core.h>

#include <cuda_runtime_api.h>

#include "tests/emulator/runtime/counters.h"
#include "tests/emulator/runtime/device_memory.h"
#include "tests/emulator/runtime/devices.h"
#include "tests/emulator/runtime/faults.h"
#include "tests/emulator/runtime/host_memory.h"
#include "tests/emulator/runtime/queue.h"
#include "tests/emulator/runtime/settings.h"

using namespace tokenwerk::emulator;

namespace {

cudaError_t no_such_allocation(const char* call, const void* pointer) {
  complain(fmt::format("{}: no allocation begins at {}: {}", call, pointer, describe(pointer)));
  return cudaErrorInvalidValue;
}

}  // namespace

cudaError_t CUDARTAPI cudaMalloc(void** pointer, std::size_t bytes) {
  return api_call([&] {
    if (pointer == nullptr) return cudaErrorInvalidValue;
    *pointer = nullptr;
    count(&Counters::allocations);
    if (bytes == 0) return cudaSuccess;
    const auto* const place = allocate_device_memory(bytes, current_device(), true);
    *pointer = const_cast<std::byte*>(place);
    return place == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaFree(void* pointer) {
  return api_call([&] {
    if (pointer == nullptr) return cudaSuccess;
    const auto found = find(pointer);
    if (!found) return no_such_allocation("cudaFree", pointer);
    wait_for_device(found->device);
    if (const auto fault = standing_fault(); fault != cudaSuccess) return fault;
    if (!mark_freed(pointer)) return no_such_allocation("cudaFree", pointer);
    free_device_memory(pointer);
    count(&Counters::frees);
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
  return api_call([&] {
    if (pointer == nullptr) return cudaErrorInvalidValue;
    if (!is_stream(stream)) return cudaErrorInvalidResourceHandle;
    *pointer = nullptr;
    count(&Counters::allocations);
    if (bytes == 0) return cudaSuccess;
    const auto* place = allocate_device_memory(bytes, current_device(), false);
    if (place == nullptr) {  // memory whose release is still queued counts as free
      wait_for_device(current_device());
      place = allocate_device_memory(bytes, current_device(), false);
    }
    if (place == nullptr) return cudaErrorMemoryAllocation;
    *pointer = const_cast<std::byte*>(place);
    enqueue(stream, [place] {
      mark_ready(place);
      return true;
    });
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaFreeAsync(void* pointer, cudaStream_t stream) {
  return api_call([&] {
    if (pointer == nullptr) return cudaSuccess;
    if (!is_stream(stream)) return cudaErrorInvalidResourceHandle;
    if (!mark_freed(pointer)) return no_such_allocation("cudaFreeAsync", pointer);
    count(&Counters::frees);
    enqueue(stream, [pointer] {
      free_device_memory(pointer);
      return true;
    });
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return api_call([&] {
    if (free == nullptr || total == nullptr) return cudaErrorInvalidValue;
    *free = free_bytes(current_device());
    *total = memory_per_device();
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaPointerGetAttributes(cudaPointerAttributes* attributes,
                                               const void* pointer) {
  return api_call([&] {
    if (attributes == nullptr) return cudaErrorInvalidValue;
    *attributes = {};
    auto* const place = const_cast<void*>(pointer);
    if (const auto found = find(pointer)) {
      attributes->type = cudaMemoryTypeDevice;
      attributes->device = found->device;
      attributes->devicePointer = place;
    } else if (pinned_range(pointer, 1)) {
      attributes->type = cudaMemoryTypeHost;
      attributes->device = current_device();
      attributes->devicePointer = place;
      attributes->hostPointer = place;
    } else {
      attributes->type = cudaMemoryTypeUnregistered;
      attributes->device = cudaInvalidDeviceId;
      attributes->hostPointer = place;
    }
    return cudaSuccess;
  });
}
