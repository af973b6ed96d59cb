#pragma once
/// Copies between pageable host memory and the device through pinned buffers, which the device
/// reads and writes at the full speed of the bus.

#include <array>

#include "core/cuda/stream.h"

namespace tokenwerk::cuda {

struct PinnedTraits {
  using Handle = void*;
  static Handle none() { return nullptr; }
  static void release(Handle data) noexcept;
};
using UniquePinned = UniqueHandle<PinnedTraits>;

/// Two buffers in turn: one is filled or emptied while the other travels. One thread at a time.
class Staging {
 public:
  static constexpr std::size_t buffer_bytes = std::size_t{4} << 20;

  /// `from` may change when this returns.
  void to_device(cudaStream_t stream, void* to, const void* from, std::size_t bytes);
  /// Returns when all has come.
  void to_host(cudaStream_t stream, void* to, const void* from, std::size_t bytes);

 private:
  struct Buffer {
    UniquePinned data;
    UniqueEvent passed;  ///< the last copy from or to it
  };
  /// The buffer whose turn it is, when its last copy has passed.
  Buffer& next();

  std::array<Buffer, 2> buffers_;
  std::size_t turn_ = 0;
};

}  // namespace tokenwerk::cuda
