#pragma once
/// Device memory for the emulator's own tests.

#include <atomic>
#include <cstdint>
#include <vector>

#include "tests/emulator/memory_map.h"

namespace tokenwerk::emulator {

/// Aligned to 512 bytes, with a gap before the next one that no allocation fills.
inline std::uint64_t fresh_device_address(std::uint64_t size) {
  static std::atomic<std::uint64_t> next{0x7700'0000'0000};
  return next.fetch_add(size / 512 * 512 + 1024);
}

/// An array whose device address is not its host address, as with the real runtime: a kernel that
/// used one for the other would fault.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(std::vector<T> values) : values_(std::move(values)) {
    const std::uint64_t size = values_.size() * sizeof(T);
    address_ = fresh_device_address(size);
    memory_map().add({address_, size, reinterpret_cast<std::byte*>(values_.data()), true});
  }
  explicit DeviceArray(std::size_t count, T value = T{})
      : DeviceArray(std::vector<T>(count, value)) {}
  ~DeviceArray() { memory_map().remove(address_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  /// What a kernel receives.
  [[nodiscard]] T* device() const { return reinterpret_cast<T*>(address_); }
  [[nodiscard]] std::uint64_t address() const { return address_; }
  [[nodiscard]] std::vector<T>& host() { return values_; }
  [[nodiscard]] T& operator[](std::size_t i) { return values_[i]; }

 private:
  std::vector<T> values_;
  std::uint64_t address_ = 0;
};

}  // namespace tokenwerk::emulator
