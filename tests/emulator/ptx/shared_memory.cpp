#include "tests/emulator/ptx/shared_memory.h"

#include <algorithm>
#include <bit>

namespace tokenwerk::emulator::ptx {

SharedMemory::SharedMemory(std::size_t bytes, int unit, const Settings& settings)
    : bytes_(bytes),
      units_(bytes / static_cast<std::size_t>(unit) + 1),
      shift_(std::countr_zero(static_cast<unsigned>(unit))),
      settings_(settings) {}

void SharedMemory::start_block() {
  std::fill(bytes_.begin(), bytes_.end(), std::byte{0xff});
  start_ = ++now_;
  ++now_;
}

const char* SharedMemory::note_read(std::uint64_t offset, std::size_t bytes, unsigned warp,
                                    bool is_synchronizing) {
  for (std::size_t i = offset >> shift_; i <= (offset + bytes - 1) >> shift_; ++i) {
    Unit& unit = units_[i];
    if (unit.is_pending && unit.written == now_)
      return "reads shared memory whose asynchronous copy has not been waited for";
    if (unit.written < start_ && settings_.uninitialised_shared)
      return "reads shared memory that was never written";
    if (is_synchronizing) continue;
    if (unit.written == now_ && unit.writer != warp && settings_.shared_races)
      return "reads shared memory that another warp wrote since the last barrier";
    if (unit.read != now_) {
      unit.reader = static_cast<std::uint16_t>(warp);
    } else if (unit.reader != warp) {
      unit.reader = many_readers;
    }
    unit.read = now_;
  }
  return nullptr;
}

const char* SharedMemory::note_write(std::uint64_t offset, std::size_t bytes, unsigned warp,
                                     bool is_synchronizing) {
  for (std::size_t i = offset >> shift_; i <= (offset + bytes - 1) >> shift_; ++i) {
    if (is_synchronizing) {
      units_[i].written = std::max(units_[i].written, start_);
      continue;
    }
    const char* wrong = note_write(units_[i], static_cast<std::uint16_t>(warp));
    if (wrong) return wrong;
  }
  return nullptr;
}

const char* SharedMemory::note_write(Unit& unit, std::uint16_t warp) {
  if (settings_.shared_races) {
    if (unit.written == now_ && unit.writer != warp)
      return "writes shared memory that another warp wrote since the last barrier";
    if (unit.read == now_ && unit.reader != warp)
      return "writes shared memory that another warp read since the last barrier";
  }
  unit.written = now_;
  unit.writer = warp;
  unit.is_pending = false;
  return nullptr;
}

void SharedMemory::set_pending(std::uint64_t offset, std::size_t bytes, bool is_pending) {
  for (std::size_t i = offset >> shift_; i <= (offset + bytes - 1) >> shift_; ++i)
    units_[i].is_pending = is_pending;
}

}  // namespace tokenwerk::emulator::ptx
