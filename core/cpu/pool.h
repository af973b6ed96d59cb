#pragma once
/// The cpu device's allocator. The system would give a large block new pages, cleared one fault at
/// a time, in every step of a training; the pool keeps released blocks for the next request
/// instead.

#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <unordered_map>

#include "core/device.h"

namespace tokenwerk::cpu {

/// Thread-safe. What it holds from the system, cached blocks included, stays within 1/16 of the
/// highest count of bytes in use so far (plus a page for each block): resident memory tells the
/// same story as the statistics.
class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  /// 64-byte aligned; undefined contents. Throws DeviceError where the system has no more.
  [[nodiscard]] void* allocate(std::size_t bytes);
  /// `bytes` as they were asked for.
  void release(void* data, std::size_t bytes) noexcept;

  /// Counts the bytes asked for, not what blocks round them up to.
  [[nodiscard]] MemoryStatistics statistics() const;
  void reset_peak();
  /// Bytes of all large blocks, in use or cached: what they may take of memory.
  [[nodiscard]] std::size_t held_bytes() const;

 private:
  struct Block {
    void* data = nullptr;
    std::size_t capacity = 0;
  };
  using Cached = std::list<Block>;

  void* allocate_large(std::size_t bytes);
  /// A cached block that fits without much waste, or an empty one.
  Block take_cached(std::size_t capacity);
  Block map_new(std::size_t capacity);
  void drop(Cached::iterator block) noexcept;
  void drop_above(std::size_t bytes) noexcept;

  mutable std::mutex mutex_;
  MemoryStatistics statistics_;
  std::size_t highest_ = 0;  ///< bytes in use; no reset lowers it
  std::size_t mapped_ = 0;   ///< bytes of all blocks, cached or in use
  std::size_t wasted_ = 0;   ///< bytes of the blocks in use that nobody asked for
  Cached released_;          ///< cached blocks, the oldest first
  std::multimap<std::size_t, Cached::iterator> by_size_;  ///< the same by capacity
  std::unordered_map<void*, std::size_t> capacities_;     ///< of the large blocks in use
};

}  // namespace tokenwerk::cpu
