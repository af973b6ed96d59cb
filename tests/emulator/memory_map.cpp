#include "tests/emulator/memory_map.h"

#include <fmt/core.h>

#include <iterator>
#include <stdexcept>

namespace tokenwerk::emulator {

void MemoryMap::add(const Allocation& allocation) {
  const std::lock_guard lock(mutex_);
  const auto next = allocations_.lower_bound(allocation.address);
  const bool meets_next =
      next != allocations_.end() && next->first - allocation.address < allocation.size;
  const bool meets_previous =
      next != allocations_.begin() && std::prev(next)->second.holds(allocation.address, 1);
  if (allocation.size == 0 || meets_next || meets_previous)
    throw std::invalid_argument(
        fmt::format("allocation of {} bytes at {:#x} is empty or overlaps another", allocation.size,
                    allocation.address));
  allocations_.emplace(allocation.address, allocation);
}

bool MemoryMap::remove(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  return allocations_.erase(address) == 1;
}

std::optional<Allocation> MemoryMap::find(std::uint64_t address) const {
  const std::lock_guard lock(mutex_);
  const auto next = allocations_.upper_bound(address);
  if (next == allocations_.begin()) return std::nullopt;
  const Allocation& allocation = std::prev(next)->second;
  if (!allocation.holds(address, 1)) return std::nullopt;
  return allocation;
}

std::byte* MemoryMap::bytes_at(std::uint64_t address, std::uint64_t count) const {
  const std::optional<Allocation> allocation = find(address);
  return allocation && allocation->holds(address, count) ? allocation->at(address) : nullptr;
}

std::string MemoryMap::describe_nearest(std::uint64_t address) const {
  const std::lock_guard lock(mutex_);
  if (allocations_.empty()) return "nothing is allocated";
  const auto next = allocations_.upper_bound(address);
  const auto end_of = [](const Allocation& a) { return a.address + a.size; };
  const Allocation* before = next == allocations_.begin() ? nullptr : &std::prev(next)->second;
  const Allocation* after = next == allocations_.end() ? nullptr : &next->second;
  const bool before_is_nearer =
      before && (!after || address - end_of(*before) <= after->address - address);
  if (before && before->holds(address, 1))
    return fmt::format("{} bytes before the end of the allocation of {} bytes at {:#x}",
                       end_of(*before) - address, before->size, before->address);
  if (before_is_nearer)
    return fmt::format("{} bytes past the end of the allocation of {} bytes at {:#x}",
                       address - end_of(*before), before->size, before->address);
  return fmt::format("{} bytes before the allocation of {} bytes at {:#x}",
                     after->address - address, after->size, after->address);
}

MemoryMap& memory_map() {
  static MemoryMap map;
  return map;
}

}  // namespace tokenwerk::emulator
