/// The entry points for devices: small ones of compute capability 9.0.

#include <fmt/core.h>

#include <cuda_runtime_api.h>

#include <cstring>
#include <optional>
#include <vector>

#include "tests/emulator/runtime/devices.h"
#include "tests/emulator/runtime/faults.h"
#include "tests/emulator/runtime/settings.h"

using namespace tokenwerk::emulator;

namespace {

thread_local int device_of_thread = 0;

bool is_device(int device) { return device >= 0 && device < device_count(); }

void describe_memory(cudaDeviceProp& properties) {
  properties.totalGlobalMem = memory_per_device();
  properties.totalConstMem = std::size_t{64} << 10;
  properties.l2CacheSize = 50 << 20;
  properties.memoryBusWidth = 5120;
  properties.sharedMemPerBlock = std::size_t{48} << 10;
  properties.sharedMemPerBlockOptin = std::size_t{227} << 10;
  properties.sharedMemPerMultiprocessor = std::size_t{228} << 10;
  properties.reservedSharedMemPerBlock = 1024;
  properties.memPitch = 0x7fffffff;
  properties.textureAlignment = 512;
  properties.texturePitchAlignment = 32;
  properties.unifiedAddressing = 1;
  properties.memoryPoolsSupported = 1;
  properties.hostRegisterSupported = 1;
}

void describe_execution(cudaDeviceProp& properties) {
  properties.major = 9;
  properties.minor = 0;
  properties.multiProcessorCount = 4;
  properties.warpSize = 32;
  properties.maxThreadsPerBlock = 1024;
  properties.maxThreadsPerMultiProcessor = 2048;
  properties.maxBlocksPerMultiProcessor = 32;
  properties.regsPerBlock = 65536;
  properties.regsPerMultiprocessor = 65536;
  constexpr int dimensions[] = {1024, 1024, 64};
  constexpr int grid[] = {0x7fffffff, 65535, 65535};
  std::memcpy(properties.maxThreadsDim, dimensions, sizeof dimensions);
  std::memcpy(properties.maxGridSize, grid, sizeof grid);
  properties.concurrentKernels = 1;
  properties.asyncEngineCount = 2;
  properties.streamPrioritiesSupported = 1;
}

cudaDeviceProp properties_of(int device) {
  cudaDeviceProp properties;
  std::memset(&properties, 0, sizeof properties);
  std::strcpy(properties.name, "Emulated GPU");
  std::memset(properties.uuid.bytes, device + 1, sizeof properties.uuid.bytes);
  properties.pciBusID = device + 1;
  describe_memory(properties);
  describe_execution(properties);
  return properties;
}

struct Attribute {
  cudaDeviceAttr which;
  std::size_t value;
};

std::vector<Attribute> limits_of(const cudaDeviceProp& device) {
  const auto number = [](int value) { return static_cast<std::size_t>(value); };
  return {{cudaDevAttrMaxThreadsPerBlock, number(device.maxThreadsPerBlock)},
          {cudaDevAttrMaxBlockDimX, number(device.maxThreadsDim[0])},
          {cudaDevAttrMaxBlockDimY, number(device.maxThreadsDim[1])},
          {cudaDevAttrMaxBlockDimZ, number(device.maxThreadsDim[2])},
          {cudaDevAttrMaxGridDimX, number(device.maxGridSize[0])},
          {cudaDevAttrMaxGridDimY, number(device.maxGridSize[1])},
          {cudaDevAttrMaxGridDimZ, number(device.maxGridSize[2])},
          {cudaDevAttrMaxSharedMemoryPerBlock, device.sharedMemPerBlock},
          {cudaDevAttrMaxSharedMemoryPerBlockOptin, device.sharedMemPerBlockOptin},
          {cudaDevAttrMaxSharedMemoryPerMultiprocessor, device.sharedMemPerMultiprocessor},
          {cudaDevAttrReservedSharedMemoryPerBlock, device.reservedSharedMemPerBlock},
          {cudaDevAttrMaxRegistersPerBlock, number(device.regsPerBlock)},
          {cudaDevAttrMaxRegistersPerMultiprocessor, number(device.regsPerMultiprocessor)},
          {cudaDevAttrMaxThreadsPerMultiProcessor, number(device.maxThreadsPerMultiProcessor)},
          {cudaDevAttrMaxBlocksPerMultiprocessor, number(device.maxBlocksPerMultiProcessor)}};
}

std::vector<Attribute> features_of(const cudaDeviceProp& device) {
  const auto number = [](int value) { return static_cast<std::size_t>(value); };
  return {{cudaDevAttrTotalConstantMemory, device.totalConstMem},
          {cudaDevAttrWarpSize, number(device.warpSize)},
          {cudaDevAttrMultiProcessorCount, number(device.multiProcessorCount)},
          {cudaDevAttrConcurrentKernels, number(device.concurrentKernels)},
          {cudaDevAttrAsyncEngineCount, number(device.asyncEngineCount)},
          {cudaDevAttrL2CacheSize, number(device.l2CacheSize)},
          {cudaDevAttrGlobalMemoryBusWidth, number(device.memoryBusWidth)},
          {cudaDevAttrClockRate, 1'000'000},
          {cudaDevAttrMemoryClockRate, 1'000'000},
          {cudaDevAttrPciBusId, number(device.pciBusID)},
          {cudaDevAttrPciDeviceId, number(device.pciDeviceID)},
          {cudaDevAttrPciDomainId, number(device.pciDomainID)},
          {cudaDevAttrUnifiedAddressing, number(device.unifiedAddressing)},
          {cudaDevAttrStreamPrioritiesSupported, number(device.streamPrioritiesSupported)},
          {cudaDevAttrComputeCapabilityMajor, number(device.major)},
          {cudaDevAttrComputeCapabilityMinor, number(device.minor)},
          {cudaDevAttrMemoryPoolsSupported, number(device.memoryPoolsSupported)},
          {cudaDevAttrHostRegisterSupported, number(device.hostRegisterSupported)},
          {cudaDevAttrCooperativeLaunch, 0},
          {cudaDevAttrManagedMemory, 0},
          {cudaDevAttrPageableMemoryAccess, 0},
          {cudaDevAttrConcurrentManagedAccess, 0}};
}

std::optional<int> attribute_of(const cudaDeviceProp& device, cudaDeviceAttr which) {
  for (const auto& attributes : {limits_of(device), features_of(device)}) {
    for (const auto& attribute : attributes) {
      if (attribute.which == which) return static_cast<int>(attribute.value);
    }
  }
  return std::nullopt;
}

}  // namespace

int tokenwerk::emulator::current_device() { return device_of_thread; }

cudaError_t CUDARTAPI cudaGetDeviceCount(int* count) {
  return api_call([&] {
    if (count == nullptr) return cudaErrorInvalidValue;
    *count = device_count();
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaSetDevice(int device) {
  return api_call([&] {
    if (!is_device(device)) return cudaErrorInvalidDevice;
    device_of_thread = device;
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaGetDevice(int* device) {
  return api_call([&] {
    if (device == nullptr) return cudaErrorInvalidValue;
    *device = current_device();
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return api_call([&] {
    if (properties == nullptr) return cudaErrorInvalidValue;
    if (!is_device(device)) return cudaErrorInvalidDevice;
    *properties = properties_of(device);
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return api_call([&] {
    if (value == nullptr) return cudaErrorInvalidValue;
    if (!is_device(device)) return cudaErrorInvalidDevice;
    const auto found = attribute_of(properties_of(device), attribute);
    if (!found) {
      complain(fmt::format("cudaDeviceGetAttribute: no attribute {}", static_cast<int>(attribute)));
      return cudaErrorInvalidValue;
    }
    *value = *found;
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaDeviceGetPCIBusId(char* text, int size, int device) {
  return api_call([&] {
    if (!is_device(device)) return cudaErrorInvalidDevice;
    const auto id = fmt::format("0000:{:02X}:00.0", properties_of(device).pciBusID);
    if (text == nullptr || size <= static_cast<int>(id.size())) return cudaErrorInvalidValue;
    std::strcpy(text, id.c_str());
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaRuntimeGetVersion(int* version) {
  if (version == nullptr) return remember(cudaErrorInvalidValue);
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t CUDARTAPI cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }
