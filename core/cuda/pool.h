#pragma once
/// The cuda device's allocator: asking the driver for memory waits for all work, so blocks are kept
/// and cut to size instead.

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "core/device.h"

namespace tokenwerk::cuda {

/// Blocks are cut from segments that the driver gave, the smallest that fits first, and joined with
/// their free neighbours when they come back. Segments go back to the driver only where it has no
/// more to give. A steady step asks it for nothing. Thread-safe.
///
/// A block may be handed out again while the stream on which it was used still runs: Stream says
/// who waits for whom.
class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  /// 512-byte aligned. Throws DeviceError naming bytes wanted, in use, held and of the device.
  [[nodiscard]] void* allocate(std::size_t bytes);
  /// `bytes` as they were asked for.
  void release(void* data, std::size_t bytes) noexcept;

  /// Counts the bytes asked for, not what blocks round them up to.
  [[nodiscard]] MemoryStatistics statistics() const;
  void reset_peak();
  /// Bytes of all segments.
  [[nodiscard]] std::size_t held_bytes() const;

 private:
  struct Block {
    std::size_t bytes = 0;
    bool free = true;
    bool first = false;  ///< of its segment: nothing before it may be joined
  };
  using Blocks = std::map<std::byte*, Block>;
  struct Fit {
    std::size_t bytes;
    std::byte* data;
    friend auto operator<=>(const Fit&, const Fit&) = default;
  };

  Blocks::iterator make_segment(std::size_t bytes);
  void give_segments_back() noexcept;
  void cut(Blocks::iterator block, std::size_t bytes);
  void join_with_next(Blocks::iterator block);

  mutable std::mutex mutex_;
  MemoryStatistics statistics_;
  std::size_t held_ = 0;
  Blocks blocks_;       ///< all of them, by address
  std::set<Fit> free_;  ///< the free ones, by size
};

}  // namespace tokenwerk::cuda
