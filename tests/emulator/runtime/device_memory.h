#pragma once
/// Device memory that the host cannot touch: its addresses are reserved and never readable, and a
/// twin of the range, which only the stand-ins know, holds the bytes.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tokenwerk::emulator {

/// One piece of device memory that was given out.
struct DeviceAllocation {
  const std::byte* address = nullptr;  ///< on the device; faults on the host
  std::size_t bytes = 0;               ///< as asked for
  std::byte* host = nullptr;           ///< the same bytes for the stand-ins
  int device = 0;
  std::uint64_t id = 0;   ///< no other allocation of the process has it
  bool is_ready = true;   ///< cudaMallocAsync has reached its turn
  bool is_freed = false;  ///< cudaFreeAsync was called and waits for its turn

  /// Whether `count` bytes from `first` lie inside.
  [[nodiscard]] bool holds(const void* first, std::size_t count) const;
};

/// A part of one allocation that a queued operation uses. It remembers which allocation, since
/// the addresses may belong to another one when the operation runs.
struct DeviceRange {
  const void* address = nullptr;
  std::size_t bytes = 0;
  std::uint64_t allocation = 0;
};

/// Whether the address belongs to the reserved range, allocated or not.
[[nodiscard]] bool is_device_address(const void* address);

/// Where the stand-ins find the bytes of a device address; other addresses are their own.
[[nodiscard]] std::byte* bytes_at(const void* address);

/// The allocation that contains the address.
[[nodiscard]] std::optional<DeviceAllocation> find(const void* address);

/// The range, for a call that uses it; nothing, and a complaint in the name of the call, unless it
/// lies inside one allocation that is not being freed.
[[nodiscard]] std::optional<DeviceRange> device_range(const void* address, std::size_t bytes,
                                                      std::string_view call);

/// Whether the range may be used now, while an operation runs; if not, that is a fault.
[[nodiscard]] bool check_live(const DeviceRange& range, std::string_view operation);

/// What lies at the address or before it, in words.
[[nodiscard]] std::string describe(const void* address);

/// Told of every allocation that is made and ended, in whatever thread that happens.
struct MemoryListener {
  std::function<void(const DeviceAllocation&)> made;
  std::function<void(const DeviceAllocation&)> ended;
};
void listen_to_memory(MemoryListener listener);

/// What the entry points in allocations.cpp are made of; null if the device has no room.
[[nodiscard]] const std::byte* allocate_device_memory(std::size_t bytes, int device, bool is_ready);
/// cudaMallocAsync has reached its turn.
void mark_ready(const void* address);
/// From now on calls may not use the allocation; false if none begins there or it was freed.
[[nodiscard]] bool mark_freed(const void* address);
/// Takes back what `mark_freed` accepted.
void free_device_memory(const void* address);
/// Bytes that can still be allocated on the device.
[[nodiscard]] std::size_t free_bytes(int device);

}  // namespace tokenwerk::emulator
