#pragma once
/// Arrays of a device whose memory the host cannot read, by way of host memory. An array of the cpu
/// device stands for itself.

#include <vector>

#include "core/tensor.h"

namespace tokenwerk {

/// Whether the host reads memory of this device as it is; null stands for the host's own.
[[nodiscard]] bool in_host_memory(const Device* device);

/// Bytes from a window's first element to its last: what lies between rows comes along, since one
/// copy is faster than many.
[[nodiscard]] std::size_t span_bytes(const ConstTensorView& window);

/// What a window holds, to be read by the host. Work on the array has been done.
class HostCopy {
 public:
  explicit HostCopy(const ConstTensorView& window);

  [[nodiscard]] const ConstTensorView& view() const { return view_; }

 private:
  std::vector<std::byte> bytes_;
  ConstTensorView view_;
};

/// Where the host writes what a window shall hold.
class HostTarget {
 public:
  explicit HostTarget(const TensorView& window) : window_(window) {}

  /// Host memory with the window's shape and type, undefined at first; from the first call on it is
  /// held until `flush`.
  [[nodiscard]] TensorView view();
  /// All elements have been written: they go into the window.
  void flush();

 private:
  TensorView window_;
  std::vector<std::byte> bytes_;
};

}  // namespace tokenwerk
