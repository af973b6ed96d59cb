#include "tests/emulator/ptx/memory_access.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "tests/emulator/ptx/block.h"

namespace tokenwerk::emulator::ptx {
namespace {

using Addresses = std::array<std::uint64_t, warp_size>;

bool is_in(std::uint64_t address, std::uint64_t window) {
  return address >= window && address - window < window_bytes;
}

/// A generic address belongs to the space in whose window it lies.
Space space_of(std::uint64_t& address) {
  if (is_in(address, shared_window)) {
    address -= shared_window;
    return Space::shared;
  }
  if (is_in(address, local_window)) {
    address -= local_window;
    return Space::local;
  }
  if (is_in(address, param_window)) {
    address -= param_window;
    return Space::param;
  }
  return Space::global;
}

/// Accesses are of 1, 2, 4, ... bytes.
bool is_aligned(std::uint64_t address, std::size_t bytes) { return (address & (bytes - 1)) == 0; }

const char* verb(Direction direction) {
  return direction == Direction::read ? "read" : direction == Direction::write ? "write" : "update";
}

std::byte* resolve_global(Warp& warp, const Instruction& in, int lane, std::uint64_t address,
                          std::size_t bytes, Direction direction) {
  Execution& execution = warp.execution();
  Allocation& recent = execution.recent[warp.index_of(in)];
  if (!recent.holds(address, bytes)) {
    const auto found = execution.memory.find(address);
    if (!found || !found->holds(address, bytes))
      warp.fault(in, lane,
                 fmt::format("global {} of {} bytes at {:#x} is out of bounds: {}", verb(direction),
                             bytes, address, execution.memory.describe_nearest(address)));
    recent = *found;
  }
  if (direction != Direction::read && !recent.writable)
    warp.fault(in, lane, fmt::format("global write at {:#x}: the memory is constant", address));
  return recent.at(address);
}

std::byte* resolve_shared(Warp& warp, const Instruction& in, int lane, std::uint64_t offset,
                          std::size_t bytes, Direction direction) {
  SharedMemory& shared = warp.block().shared();
  if (offset >= shared.size() || bytes > shared.size() - offset)
    warp.fault(
        in, lane,
        fmt::format("shared {} of {} bytes at {:#x} is out of bounds: the block has {} bytes",
                    verb(direction), bytes, offset, shared.size()));
  const bool is_synchronizing = in.access.is_synchronizing || direction == Direction::update;
  const char* wrong = nullptr;
  if (direction != Direction::write)
    wrong = shared.note_read(offset, bytes, warp.number(), is_synchronizing);
  if (direction != Direction::read && !wrong)
    wrong = shared.note_write(offset, bytes, warp.number(), is_synchronizing);
  if (wrong) warp.fault(in, lane, fmt::format("{} at {:#x}", wrong, offset));
  KernelStatistics& counts = warp.execution().counts;
  if (direction != Direction::write) counts.shared_read_bytes += bytes;
  if (direction != Direction::read) counts.shared_written_bytes += bytes;
  return shared.at(offset);
}

std::byte* resolve_local(Warp& warp, const Instruction& in, int lane, std::uint64_t offset,
                         std::size_t bytes) {
  const std::size_t size = warp.execution().program.local_bytes;
  if (offset >= size || bytes > size - offset)
    warp.fault(
        in, lane,
        fmt::format("local access of {} bytes at {:#x} is out of bounds: the thread has {} bytes",
                    bytes, offset, size));
  return warp.block().local(warp.thread(lane)) + offset;
}

std::byte* resolve_param(Warp& warp, const Instruction& in, int lane, std::uint64_t offset,
                         std::size_t bytes, Direction direction) {
  if (offset >= call_parameters)
    return resolve_local(warp, in, lane, offset - call_parameters, bytes);
  std::vector<std::byte>& parameters = warp.execution().parameters;
  if (direction != Direction::read) warp.fault(in, lane, "kernel parameters cannot be written");
  if (offset >= parameters.size() || bytes > parameters.size() - offset)
    warp.fault(in, lane, fmt::format("kernel parameter at {} is out of bounds", offset));
  return parameters.data() + offset;
}

/// Addresses in 32-bit registers wrap as 32-bit sums.
void find_addresses(Warp& warp, const Instruction& in, Addresses& addresses) {
  const auto offset = static_cast<std::uint64_t>(in.value);
  if (in.from[0].width == 4) {
    const std::uint32_t* base = warp.lanes<std::uint32_t>(in.from[0]);
    for (std::size_t lane = 0; lane < warp_size; ++lane)
      addresses[lane] = base[lane] + static_cast<std::uint32_t>(offset);
  } else {
    const std::uint64_t* base = warp.lanes<std::uint64_t>(in.from[0]);
    for (std::size_t lane = 0; lane < warp_size; ++lane) addresses[lane] = base[lane] + offset;
  }
}

/// All active lanes in the allocation of the last time: the checks are done for all at once.
bool resolve_together(Warp& warp, const Instruction& in, Direction direction, std::size_t bytes,
                      const Addresses& addresses, Places& places) {
  const Allocation& recent = warp.execution().recent[warp.index_of(in)];
  if (recent.size < bytes || (direction != Direction::read && !recent.writable)) return false;
  const std::uint64_t room = recent.size - bytes;
  std::uint64_t wrong = 0;
  for (std::size_t lane = 0; lane < warp_size; ++lane) {
    const std::uint64_t distance = addresses[lane] - recent.address;
    const std::uint64_t is_active = warp.active() >> lane & 1;
    wrong |= is_active &
             static_cast<std::uint64_t>((distance > room) | !is_aligned(addresses[lane], bytes));
    places[lane] = recent.bytes + (is_active ? distance : 0);
  }
  return wrong == 0;
}

/// Plain reads of shared memory, lane by lane; false where one needs a closer look.
bool read_shared(Warp& warp, std::size_t bytes, const Addresses& addresses, Places& places) {
  SharedMemory& shared = warp.block().shared();
  std::uint64_t last = ~0ull;  // lanes often read one and the same place
  for (std::uint32_t rest = warp.active(); rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::size_t>(std::countr_zero(rest));
    const std::uint64_t offset = addresses[lane];
    if (offset != last) {
      const bool is_inside =
          is_aligned(offset, bytes) && offset < shared.size() && bytes <= shared.size() - offset;
      if (!is_inside || !shared.note_plain_read(offset, bytes, warp.number())) return false;
    }
    last = offset;
    places[lane] = shared.at(offset);
  }
  warp.execution().counts.shared_read_bytes +=
      bytes * static_cast<std::uint64_t>(std::popcount(warp.active()));
  return true;
}

/// The sectors of 32 accesses side by side; 0 if they do not lie so.
std::uint64_t sectors_of_row(const Addresses& addresses, std::uint32_t lanes, std::size_t bytes) {
  if (lanes != all_lanes) return 0;
  std::uint64_t gaps = 0;
  for (std::size_t lane = 1; lane < warp_size; ++lane)
    gaps |= addresses[lane] - addresses[lane - 1] - bytes;
  if (gaps != 0) return 0;
  return (addresses.back() + bytes - 1) / sector_bytes - addresses.front() / sector_bytes + 1;
}

std::uint64_t distinct_sectors(const Addresses& addresses, std::uint32_t lanes) {
  Addresses sectors;
  std::size_t count = 0;
  bool is_sorted = true;
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::size_t>(std::countr_zero(rest));
    sectors[count] = addresses[lane] / sector_bytes;
    is_sorted = is_sorted && (count == 0 || sectors[count - 1] <= sectors[count]);
    ++count;
  }
  const auto end = sectors.begin() + static_cast<std::ptrdiff_t>(count);
  if (!is_sorted) std::sort(sectors.begin(), end);
  return static_cast<std::uint64_t>(std::unique(sectors.begin(), end) - sectors.begin());
}

}  // namespace

std::byte* resolve_one(Warp& warp, const Instruction& in, int lane, Space space,
                       std::uint64_t address, std::size_t bytes, Direction direction) {
  if (space == Space::generic) space = space_of(address);
  if (!is_aligned(address, bytes))
    warp.fault(in, lane, fmt::format("misaligned: {} bytes at {:#x}", bytes, address));
  switch (space) {
    case Space::shared: return resolve_shared(warp, in, lane, address, bytes, direction);
    case Space::local: return resolve_local(warp, in, lane, address, bytes);
    case Space::param: return resolve_param(warp, in, lane, address, bytes, direction);
    default: return resolve_global(warp, in, lane, address, bytes, direction);
  }
}

void resolve(Warp& warp, const Instruction& in, Direction direction, Places& places) {
  const std::size_t bytes = std::size_t{in.access.bytes} * in.access.count;
  Addresses addresses;
  find_addresses(warp, in, addresses);
  const Space space = in.access.space;
  const bool is_plain_read = direction == Direction::read && !in.access.is_synchronizing;
  if (space == Space::shared && is_plain_read && read_shared(warp, bytes, addresses, places))
    return;
  std::uint32_t global = 0;
  const bool may_be_global =
      space != Space::shared && space != Space::local && space != Space::param;
  if (may_be_global && resolve_together(warp, in, direction, bytes, addresses, places)) {
    global = warp.active();
  } else {
    for (std::uint32_t rest = warp.active(); rest != 0; rest &= rest - 1) {
      const int lane = std::countr_zero(rest);
      const auto i = static_cast<std::size_t>(lane);
      places[i] = resolve_one(warp, in, lane, space, addresses[i], bytes, direction);
      std::uint64_t address = addresses[i];
      if (may_be_global && space_of(address) == Space::global) global |= 1u << lane;
    }
  }
  if (global != 0 && space != Space::constant)
    count_global(warp, addresses, global, bytes, direction);
}

void count_global(Warp& warp, const Addresses& addresses, std::uint32_t lanes, std::size_t bytes,
                  Direction direction) {
  const auto count = static_cast<std::uint64_t>(std::popcount(lanes));
  const std::uint64_t in_row = sectors_of_row(addresses, lanes, bytes);
  const std::uint64_t distinct = in_row != 0 ? in_row : distinct_sectors(addresses, lanes);
  KernelStatistics& counts = warp.execution().counts;
  if (direction != Direction::write) {
    counts.global_read_bytes += count * bytes;
    counts.global_read_sectors += distinct;
  }
  if (direction != Direction::read) {
    counts.global_written_bytes += count * bytes;
    counts.global_written_sectors += distinct;
  }
}

}  // namespace tokenwerk::emulator::ptx
