#include "core/cpu/pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

#include "core/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(data, bytes) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(data, bytes) static_cast<void>(0)
#endif

namespace tokenwerk::cpu {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t huge_page = 2 << 20;
constexpr std::size_t large = 64 << 10;  // smaller requests are the C library's
constexpr std::size_t alignment = 64;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

/// Beyond this the rounding would overflow; no machine has it.
constexpr std::size_t absurd = std::size_t{1} << 60;

void* allocate_small(std::size_t bytes) {
  return std::aligned_alloc(alignment, rounded_up(std::max(bytes, std::size_t{1}), alignment));
}

}  // namespace

Pool::~Pool() { drop_above(0); }

void* Pool::allocate(std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  const std::size_t highest_before = highest_;
  highest_ = std::max(highest_, statistics_.current + std::min(bytes, absurd));
  void* data = bytes < large ? allocate_small(bytes) : allocate_large(bytes);
  if (data == nullptr) highest_ = highest_before;
  TW_CHECK_AS(DeviceError, data != nullptr, "out of memory: ", bytes, " bytes wanted, ",
              statistics_.current, " in use");
  statistics_.current += bytes;
  statistics_.peak = std::max(statistics_.peak, statistics_.current);
  ++statistics_.allocations;
  return data;
}

/// Null where the system has no more.
void* Pool::allocate_large(std::size_t bytes) {
  if (bytes > absurd) return nullptr;
  const std::size_t capacity = rounded_up(bytes, page);
  Block block = take_cached(capacity);
  if (block.data == nullptr) block = map_new(capacity);
  if (block.data == nullptr) return nullptr;
  capacities_.emplace(block.data, block.capacity);
  ASAN_POISON_MEMORY_REGION(block.data, block.capacity);
  ASAN_UNPOISON_MEMORY_REGION(block.data, bytes);
  return block.data;
}

void Pool::release(void* data, std::size_t bytes) noexcept {
  const std::scoped_lock lock(mutex_);
  statistics_.current -= bytes;
  if (bytes < large) {
    std::free(data);
    return;
  }
  const auto found = capacities_.find(data);
  const Block block{data, found->second};
  capacities_.erase(found);
  wasted_ -= block.capacity - rounded_up(bytes, page);
  ASAN_POISON_MEMORY_REGION(block.data, block.capacity);
  released_.push_back(block);
  by_size_.emplace(block.capacity, std::prev(released_.end()));
}

/// A block may be a quarter larger than the request, as long as all waste stays within the bound.
Pool::Block Pool::take_cached(std::size_t capacity) {
  const auto fit = by_size_.lower_bound(capacity);
  if (fit == by_size_.end()) return {};
  const std::size_t waste = fit->first - capacity;
  if (waste > capacity / 4 || wasted_ + waste > highest_ / 16) return {};
  const Block block = *fit->second;
  released_.erase(fit->second);
  by_size_.erase(fit);
  wasted_ += waste;
  return block;
}

Pool::Block Pool::map_new(std::size_t capacity) {
  const std::size_t bound = highest_ + highest_ / 16;
  drop_above(bound > capacity ? bound - capacity : 0);
  const auto map = [&] {
    return mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  };
  void* data = map();
  if (data == MAP_FAILED) {
    drop_above(0);
    data = map();
  }
  if (data == MAP_FAILED) return {};
  // Fewer faults at the first touch and fewer misses of the address cache; a refusal does no harm.
  if (capacity >= 2 * huge_page) madvise(data, capacity, MADV_HUGEPAGE);
  mapped_ += capacity;
  ++statistics_.system_allocations;
  return {data, capacity};
}

void Pool::drop(Cached::iterator block) noexcept {
  auto [first, last] = by_size_.equal_range(block->capacity);
  by_size_.erase(std::find_if(first, last, [&](const auto& e) { return e.second == block; }));
  ASAN_UNPOISON_MEMORY_REGION(block->data, block->capacity);
  munmap(block->data, block->capacity);
  mapped_ -= block->capacity;
  released_.erase(block);
}

/// Gives the oldest cached blocks back until the pool holds no more than this, or caches nothing.
void Pool::drop_above(std::size_t bytes) noexcept {
  while (mapped_ > bytes && !released_.empty()) drop(released_.begin());
}

MemoryStatistics Pool::statistics() const {
  const std::scoped_lock lock(mutex_);
  return statistics_;
}

void Pool::reset_peak() {
  const std::scoped_lock lock(mutex_);
  statistics_.peak = statistics_.current;
}

std::size_t Pool::held_bytes() const {
  const std::scoped_lock lock(mutex_);
  return mapped_;
}

}  // namespace tokenwerk::cpu
