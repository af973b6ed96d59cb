#include "tests/emulator/runtime/device_memory.h"

#include <fmt/core.h>

#include <cuda_runtime_api.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "tests/emulator/runtime/arena.h"
#include "tests/emulator/runtime/counters.h"
#include "tests/emulator/runtime/faults.h"
#include "tests/emulator/runtime/host_touch.h"
#include "tests/emulator/runtime/settings.h"

namespace tokenwerk::emulator {
namespace {

/// More addresses than memory, so that freed ones rest before they are used again and a stale
/// pointer is found out.
constexpr std::size_t addresses_per_byte = 4;

constexpr std::size_t in_pages(std::size_t bytes) {
  return (bytes + Arena::page - 1) / Arena::page * Arena::page;
}

/// All allocations of the process. Places go round in the range; a page stays free after each.
struct DeviceMemory {
  using Allocations = std::map<const std::byte*, DeviceAllocation>;

  DeviceMemory() : arena(memory_per_device() * addresses_per_byte), next(arena.begin()) {}

  [[nodiscard]] Allocations::iterator containing(const void* address) {
    auto after = allocations.upper_bound(static_cast<const std::byte*>(address));
    if (after == allocations.begin()) return allocations.end();
    --after;
    return after->second.holds(address, 0) ? after : allocations.end();
  }

  /// The first place between two addresses with room for so many bytes and a guard page.
  [[nodiscard]] const std::byte* place_between(const std::byte* first, const std::byte* last,
                                               std::size_t bytes) const {
    const auto size = static_cast<std::ptrdiff_t>(in_pages(bytes) + Arena::page);
    auto next_one = allocations.lower_bound(first);
    for (const auto* place = first; last - place >= size; ++next_one) {
      const auto* const end = next_one == allocations.end() ? last : next_one->first;
      if (end - place >= size) return place;
      if (next_one == allocations.end()) break;
      place = next_one->first + in_pages(next_one->second.bytes) + Arena::page;
    }
    return nullptr;
  }

  std::mutex mutex;
  Arena arena;
  Allocations allocations;
  const std::byte* next;
  std::map<int, std::size_t> used;  ///< bytes of each device
  std::uint64_t next_id = 1;
  MemoryListener listener;
};

DeviceMemory& memory() {
  static DeviceMemory& memory = []() -> DeviceMemory& {
    auto& made = *std::make_unique<DeviceMemory>().release();
    watch_for_host_touches(made.arena.begin(), made.arena.bytes());
    return made;
  }();
  return memory;
}

}  // namespace

bool DeviceAllocation::holds(const void* first, std::size_t count) const {
  const auto* const place = static_cast<const std::byte*>(first);
  return place >= address && place <= address + bytes &&
         count <= bytes - static_cast<std::size_t>(place - address) &&
         (place < address + bytes || bytes == 0);
}

bool is_device_address(const void* address) { return memory().arena.contains(address); }

std::byte* bytes_at(const void* address) {
  const auto& arena = memory().arena;
  if (arena.contains(address)) return arena.twin(address);
  return static_cast<std::byte*>(const_cast<void*>(address));
}

std::optional<DeviceAllocation> find(const void* address) {
  auto& all = memory();
  const std::scoped_lock lock(all.mutex);
  const auto found = all.containing(address);
  if (found == all.allocations.end()) return std::nullopt;
  return found->second;
}

std::optional<DeviceRange> device_range(const void* address, std::size_t bytes,
                                        std::string_view call) {
  if (bytes == 0) return DeviceRange{};
  const auto found = find(address);
  if (found && found->holds(address, bytes) && !found->is_freed) {
    return DeviceRange{address, bytes, found->id};
  }
  complain(fmt::format("{}: {} bytes at {} are not inside one live allocation: {}", call, bytes,
                       address, describe(address)));
  return std::nullopt;
}

bool check_live(const DeviceRange& range, std::string_view operation) {
  if (range.bytes == 0) return true;
  const auto found = find(range.address);
  if (found && found->id == range.allocation && found->is_ready) return true;
  report_fault(cudaErrorIllegalAddress,
               fmt::format("{}: {} bytes at {} were {} when their turn came", operation,
                           range.bytes, range.address,
                           found && found->id == range.allocation ? "not yet allocated" : "freed"));
  return false;
}

std::string describe(const void* address) {
  if (!is_device_address(address)) return fmt::format("{} is no device address", address);
  auto& all = memory();
  const std::scoped_lock lock(all.mutex);
  auto after = all.allocations.upper_bound(static_cast<const std::byte*>(address));
  if (after == all.allocations.begin()) return "no allocation lies before it";
  const auto& one = (--after)->second;
  return fmt::format("it is byte {} of an allocation of {} bytes{}",
                     static_cast<const std::byte*>(address) - one.address, one.bytes,
                     one.is_freed ? " that was freed" : "");
}

void listen_to_memory(MemoryListener listener) {
  auto& all = memory();
  const std::scoped_lock lock(all.mutex);
  for (const auto& [address, allocation] : all.allocations) listener.made(allocation);
  all.listener = std::move(listener);
}

const std::byte* allocate_device_memory(std::size_t bytes, int device, bool is_ready) {
  auto& all = memory();
  const std::scoped_lock lock(all.mutex);
  if (bytes > memory_per_device() - all.used[device]) return nullptr;
  const auto* const begin = all.arena.begin();
  const auto* const end = begin + all.arena.bytes();
  const auto* place = all.place_between(all.next, end, bytes);
  if (place == nullptr) place = all.place_between(begin, end, bytes);
  if (place == nullptr) return nullptr;
  all.next = place + in_pages(bytes) + Arena::page;
  all.used[device] += bytes;
  const DeviceAllocation made{.address = place,
                              .bytes = bytes,
                              .host = all.arena.twin(place),
                              .device = device,
                              .id = all.next_id++,
                              .is_ready = is_ready,
                              .is_freed = false};
  all.allocations.emplace(place, made);
  if (all.listener.made) all.listener.made(made);
  count(&Counters::bytes_in_use, static_cast<std::int64_t>(bytes));
  return place;
}

void mark_ready(const void* address) {
  auto& all = memory();
  const std::scoped_lock lock(all.mutex);
  const auto found = all.containing(address);
  if (found != all.allocations.end()) found->second.is_ready = true;
}

bool mark_freed(const void* address) {
  auto& all = memory();
  const std::scoped_lock lock(all.mutex);
  const auto found = all.allocations.find(static_cast<const std::byte*>(address));
  if (found == all.allocations.end() || found->second.is_freed) return false;
  found->second.is_freed = true;
  return true;
}

void free_device_memory(const void* address) {
  auto& all = memory();
  const std::scoped_lock lock(all.mutex);
  const auto found = all.allocations.find(static_cast<const std::byte*>(address));
  if (found == all.allocations.end()) return;
  const auto ended = found->second;
  if (all.listener.ended) all.listener.ended(ended);
  all.allocations.erase(found);
  all.used[ended.device] -= ended.bytes;
  all.arena.clear(ended.address, ended.bytes);
  count(&Counters::bytes_in_use, -static_cast<std::int64_t>(ended.bytes));
}

std::size_t free_bytes(int device) {
  auto& all = memory();
  const std::scoped_lock lock(all.mutex);
  return memory_per_device() - all.used[device];
}

}  // namespace tokenwerk::emulator
