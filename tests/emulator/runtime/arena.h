#pragma once
/// The address range of all device memory of the process, and the bytes behind it.

#include <cstddef>

namespace tokenwerk::emulator {

/// Reserves the addresses and maps the twin. All bytes read 0xff, which is a NaN in every float
/// type, until they are written, and take no memory until then: the twin is a private mapping of
/// one small file of 0xff, again and again.
class Arena final {
 public:
  static constexpr std::size_t page = 4096;

  /// A range of at least so many bytes. Ends the program if it cannot be had.
  explicit Arena(std::size_t bytes);

  [[nodiscard]] const std::byte* begin() const { return device_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] bool contains(const void* address) const {
    const auto* const place = static_cast<const std::byte*>(address);
    return place >= device_ && place < device_ + bytes_;
  }
  /// The readable twin of a device address.
  [[nodiscard]] std::byte* twin(const void* address) const {
    return host_ + (static_cast<const std::byte*>(address) - device_);
  }
  /// Makes whole pages read 0xff again and gives their memory back.
  void clear(const std::byte* address, std::size_t bytes) const;

 private:
  std::size_t bytes_;
  const std::byte* device_ = nullptr;
  std::byte* host_ = nullptr;
};

}  // namespace tokenwerk::emulator
