#include "core/cuda/pool.h"

#include <algorithm>

#include "core/cuda/check.h"
#include "core/log.h"

namespace tokenwerk::cuda {
namespace {

constexpr std::size_t unit = 512;  // what coalesced access and every library's vectors want
/// The driver's own granularity is 2 MiB; larger segments leave fewer ends that fit nobody.
constexpr std::size_t least_segment = std::size_t{32} << 20;
constexpr std::size_t segment_unit = std::size_t{2} << 20;

std::size_t rounded_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

Pool::~Pool() { give_segments_back(); }

void* Pool::allocate(std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  const std::size_t wanted = rounded_up(std::max<std::size_t>(bytes, 1), unit);
  const auto fit = free_.lower_bound(Fit{wanted, nullptr});
  const auto block = fit != free_.end() ? blocks_.find(fit->data) : make_segment(wanted);
  if (block == blocks_.end()) {
    std::size_t left = 0, all = 0;
    static_cast<void>(cudaMemGetInfo(&left, &all));
    TW_RAISE(DeviceError, "out of GPU memory: ", bytes, " bytes wanted, ", statistics_.current,
             " in use, ", held_, " held in segments, ", left, " of ", all, " left on the device");
  }
  free_.erase({block->second.bytes, block->first});
  cut(block, wanted);
  block->second.free = false;
  statistics_.current += bytes;
  statistics_.peak = std::max(statistics_.peak, statistics_.current);
  ++statistics_.allocations;
  return block->first;
}

void Pool::release(void* data, std::size_t bytes) noexcept {
  const std::scoped_lock lock(mutex_);
  statistics_.current -= bytes;
  auto block = blocks_.find(static_cast<std::byte*>(data));
  block->second.free = true;
  join_with_next(block);
  if (!block->second.first) {
    const auto before = std::prev(block);
    if (before->second.free) {
      free_.erase({before->second.bytes, before->first});
      join_with_next(before);
      block = before;
    }
  }
  free_.insert({block->second.bytes, block->first});
}

/// The end of blocks_ where the driver has no more.
Pool::Blocks::iterator Pool::make_segment(std::size_t bytes) {
  const std::size_t size = std::max(least_segment, rounded_up(bytes, segment_unit));
  void* data = nullptr;
  cudaError_t status = cudaMalloc(&data, size);
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());  // it would be reported again by the next kernel launch
    give_segments_back();
    status = cudaMalloc(&data, size);
  }
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    return blocks_.end();
  }
  TW_CUDA(status, ", ", size, " bytes");
  held_ += size;
  ++statistics_.system_allocations;
  const auto made = blocks_.emplace(static_cast<std::byte*>(data), Block{size, true, true}).first;
  free_.insert({size, made->first});
  return made;
}

/// Those of which nothing is in use. cudaFree waits for all work, so nobody still writes to them.
void Pool::give_segments_back() noexcept {
  for (auto block = blocks_.begin(); block != blocks_.end();) {
    const auto next = std::next(block);
    const bool whole = block->second.first && (next == blocks_.end() || next->second.first);
    if (!whole || !block->second.free) {
      block = next;
      continue;
    }
    if (const cudaError_t status = cudaFree(block->first); status != cudaSuccess)
      log_error("cudaFree: {}", cudaGetErrorString(status));
    held_ -= block->second.bytes;
    free_.erase({block->second.bytes, block->first});
    block = blocks_.erase(block);
  }
}

/// Leaves `bytes` to the block; the rest is a free one behind it.
void Pool::cut(Blocks::iterator block, std::size_t bytes) {
  const std::size_t rest = block->second.bytes - bytes;
  if (rest == 0) return;
  block->second.bytes = bytes;
  const auto behind = blocks_.emplace(block->first + bytes, Block{rest, true, false}).first;
  free_.insert({rest, behind->first});
}

void Pool::join_with_next(Blocks::iterator block) {
  const auto next = std::next(block);
  if (next == blocks_.end() || !next->second.free || next->second.first) return;
  free_.erase({next->second.bytes, next->first});
  block->second.bytes += next->second.bytes;
  blocks_.erase(next);
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
  return held_;
}

}  // namespace tokenwerk::cuda
