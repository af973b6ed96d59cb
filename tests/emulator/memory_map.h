#pragma once
/// The device memory that exists: which addresses kernels may touch, and where their bytes are.

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace tokenwerk::emulator {

/// One allocation as the device sees it. The bytes may lie elsewhere in the host's address space,
/// so that host code that follows a device pointer does not reach them.
struct Allocation {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::byte* bytes = nullptr;
  bool writable = true;

  [[nodiscard]] bool holds(std::uint64_t first, std::uint64_t count) const {
    return first >= address && count <= size && first - address <= size - count;
  }
  [[nodiscard]] std::byte* at(std::uint64_t where) const { return bytes + (where - address); }
};

/// The allocations of a device. May be used by several threads.
class MemoryMap {
 public:
  /// Throws `std::invalid_argument` when the allocation is empty or overlaps one that exists.
  void add(const Allocation& allocation);
  /// Forgets the allocation that begins at `address`; false if there is none.
  bool remove(std::uint64_t address);
  /// The allocation that contains `address`.
  [[nodiscard]] std::optional<Allocation> find(std::uint64_t address) const;
  /// The host's bytes for `count` bytes from `address`; null unless one allocation holds them all.
  [[nodiscard]] std::byte* bytes_at(std::uint64_t address, std::uint64_t count = 1) const;
  /// What lies next to an address outside all allocations, in words.
  [[nodiscard]] std::string describe_nearest(std::uint64_t address) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Allocation> allocations_;
};

/// The map of this process's device.
MemoryMap& memory_map();

}  // namespace tokenwerk::emulator
