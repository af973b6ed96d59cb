#include "tests/emulator/runtime/host_memory.h"

#include <fmt/core.h>

#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "tests/emulator/runtime/counters.h"
#include "tests/emulator/runtime/device_memory.h"
#include "tests/emulator/runtime/faults.h"

namespace tokenwerk::emulator {
namespace {

constexpr std::size_t pinned_alignment = 4096;

struct Pinned {
  std::size_t bytes = 0;
  std::uint64_t id = 0;
  bool is_registered = false;  ///< the memory belongs to the caller
};

struct HostMemory {
  using Pieces = std::map<const std::byte*, Pinned>;

  /// The piece that holds all these bytes.
  [[nodiscard]] Pieces::iterator holding(const void* address, std::size_t bytes) {
    const auto* const first = static_cast<const std::byte*>(address);
    auto after = pieces.upper_bound(first);
    if (after == pieces.begin()) return pieces.end();
    --after;
    const auto offset = static_cast<std::size_t>(first - after->first);
    const bool holds = offset <= after->second.bytes && bytes <= after->second.bytes - offset;
    return holds ? after : pieces.end();
  }

  [[nodiscard]] bool overlaps(const void* address, std::size_t bytes) const {
    const auto* const first = static_cast<const std::byte*>(address);
    auto after = pieces.lower_bound(first + bytes);
    if (after == pieces.begin()) return false;
    --after;
    return after->first + after->second.bytes > first;
  }

  std::mutex mutex;
  Pieces pieces;
  std::uint64_t next_id = 1;
};

HostMemory& memory() {
  static HostMemory& memory = *std::make_unique<HostMemory>().release();
  return memory;
}

/// Forgets a piece that begins at the address; false if there is none of this kind.
bool forget(const void* address, bool is_registered) {
  const std::scoped_lock lock(memory().mutex);
  const auto found = memory().pieces.find(static_cast<const std::byte*>(address));
  if (found == memory().pieces.end() || found->second.is_registered != is_registered) return false;
  memory().pieces.erase(found);
  return true;
}

void add(const void* address, std::size_t bytes, bool is_registered) {
  const std::scoped_lock lock(memory().mutex);
  memory().pieces[static_cast<const std::byte*>(address)] = {bytes, memory().next_id++,
                                                             is_registered};
}

}  // namespace

std::optional<PinnedRange> pinned_range(const void* address, std::size_t bytes) {
  const std::scoped_lock lock(memory().mutex);
  const auto found = memory().holding(address, bytes);
  if (found == memory().pieces.end()) return std::nullopt;
  return PinnedRange{address, found->second.id};
}

bool check_live(const PinnedRange& range, std::string_view operation) {
  const auto now = pinned_range(range.address, 0);
  if (now && now->id == range.id) return true;
  report_fault(cudaErrorIllegalAddress,
               fmt::format("{}: the pinned memory at {} was freed when its turn came", operation,
                           range.address));
  return false;
}

}  // namespace tokenwerk::emulator

using namespace tokenwerk::emulator;

cudaError_t CUDARTAPI cudaHostAlloc(void** pointer, std::size_t bytes, unsigned) {
  return api_call([&] {
    if (pointer == nullptr) return cudaErrorInvalidValue;
    const auto whole = (bytes + pinned_alignment - 1) / pinned_alignment * pinned_alignment;
    *pointer = bytes == 0 ? nullptr : std::aligned_alloc(pinned_alignment, whole);
    count(&Counters::host_allocations);
    if (bytes == 0) return cudaSuccess;
    if (*pointer == nullptr) return cudaErrorMemoryAllocation;
    std::memset(*pointer, 0xff, whole);  // as in device memory, what nobody wrote shows
    add(*pointer, bytes, false);
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaMallocHost(void** pointer, std::size_t bytes) {
  return cudaHostAlloc(pointer, bytes, cudaHostAllocDefault);
}

cudaError_t CUDARTAPI cudaFreeHost(void* pointer) {
  return api_call([&] {
    if (pointer == nullptr) return cudaSuccess;
    if (!forget(pointer, false)) {
      complain(fmt::format("cudaFreeHost: {} is no pinned memory", pointer));
      return cudaErrorInvalidValue;
    }
    std::free(pointer);
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaHostRegister(void* pointer, std::size_t bytes, unsigned) {
  return api_call([&] {
    if (pointer == nullptr || bytes == 0 || is_device_address(pointer)) {
      return cudaErrorInvalidValue;
    }
    {
      const std::scoped_lock lock(memory().mutex);
      if (memory().overlaps(pointer, bytes)) return cudaErrorHostMemoryAlreadyRegistered;
    }
    add(pointer, bytes, true);
    return cudaSuccess;
  });
}

cudaError_t CUDARTAPI cudaHostUnregister(void* pointer) {
  return api_call(
      [&] { return forget(pointer, true) ? cudaSuccess : cudaErrorHostMemoryNotRegistered; });
}
