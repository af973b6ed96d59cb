/// libcudart's questions about kernels and variables.

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>

#include "tests/emulator/launch/limits.h"
#include "tests/emulator/launch/registry.h"
#include "tests/emulator/runtime/queue.h"

using namespace tokenwerk::emulator;

namespace {

const ptx::Program& program_of(const void* function) {
  const RegisteredKernel kernel = registered_kernel(function);
  return kernel.owner->module().kernel(kernel.name);
}

cudaError_t copy_to(cudaStream_t stream, std::uint64_t to, const void* from, std::size_t count) {
  std::byte* bytes = memory_map().bytes_at(to, std::max<std::size_t>(count, 1));
  if (!bytes) return cudaErrorInvalidValue;
  enqueue(stream, [=] {
    std::memcpy(bytes, from, count);
    return true;
  });
  return cudaSuccess;
}

}  // namespace

extern "C" {

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  const ptx::Program& program = program_of(function);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  const auto bytes = static_cast<std::size_t>(value);
  if (value < 0 || bytes + program.static_shared_bytes > max_shared_bytes)
    return cudaErrorInvalidValue;
  const std::lock_guard lock(registry().mutex);
  registry().kernels.at(function).allowed_dynamic_shared = bytes;
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* function) {
  const ptx::Program& program = program_of(function);
  const std::size_t allowed = registered_kernel(function).allowed_dynamic_shared;
  *attributes = {};
  attributes->sharedSizeBytes = program.static_shared_bytes;
  attributes->localSizeBytes = program.local_bytes;
  attributes->maxThreadsPerBlock = static_cast<int>(
      program.bounds.max_threads != 0 ? program.bounds.max_threads : max_block_threads);
  attributes->maxDynamicSharedSizeBytes = static_cast<int>(
      allowed != 0 ? allowed
                   : shared_without_permission -
                         std::min(shared_without_permission, program.static_shared_bytes));
  attributes->ptxVersion = 90;
  attributes->binaryVersion = 90;
  return cudaSuccess;
}

/// By threads, blocks and shared memory; registers are the business of the assembler.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int* blocks, const void* function, int block_threads, std::size_t dynamic_shared, unsigned) {
  if (block_threads < 1) return cudaErrorInvalidValue;
  const std::size_t shared =
      program_of(function).static_shared_bytes + dynamic_shared + reserved_shared_bytes;
  const auto threads = static_cast<std::size_t>((block_threads + 31) / 32 * 32);
  *blocks = static_cast<int>(
      std::min({std::size_t{multiprocessor_blocks}, multiprocessor_threads / threads,
                multiprocessor_shared_bytes / shared}));
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* function,
                                                          int block_threads,
                                                          std::size_t dynamic_shared) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, block_threads,
                                                                dynamic_shared, 0);
}

cudaError_t cudaGetSymbolAddress(void** address, const void* symbol) {
  *address = reinterpret_cast<void*>(registered_symbol(symbol).address);
  return cudaSuccess;
}

cudaError_t cudaGetSymbolSize(std::size_t* size, const void* symbol) {
  *size = registered_symbol(symbol).size;
  return cudaSuccess;
}

/// From the host: what the copy reads must stay until the stream has come to it, as with the real
/// one when the memory is pinned.
cudaError_t cudaMemcpyToSymbolAsync(const void* symbol, const void* from, std::size_t count,
                                    std::size_t offset, cudaMemcpyKind, cudaStream_t stream) {
  const std::byte* device = memory_map().bytes_at(reinterpret_cast<std::uint64_t>(from));
  return copy_to(stream, registered_symbol(symbol).address + offset, device ? device : from, count);
}

}  // extern "C"
