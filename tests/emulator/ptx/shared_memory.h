#pragma once
/// The shared memory of the block that runs, and who touched what in it since the last barrier.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/emulator/settings.h"

namespace tokenwerk::emulator::ptx {

/// Remembers for every unit of memory (as large as the kernel's smallest access) its last writer
/// and reader. Two warps at the same unit, one of them writing, with no barrier between, are a race
/// on a GPU, even where the order in which the emulator runs warps hides it.
class SharedMemory {
 public:
  /// `unit` is a power of two.
  SharedMemory(std::size_t bytes, int unit, const Settings& settings);

  /// Forgets all contents: no block may read what another left behind.
  void start_block();
  /// A barrier was passed: what was before it is ordered before what comes.
  void pass_barrier() { ++now_; }

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::byte* at(std::uint64_t offset) { return bytes_.data() + offset; }

  /// Each notes an access by a warp and says what is wrong with it, if something is.
  /// Synchronizing accesses (atomics, volatile) cannot race.
  [[nodiscard]] const char* note_read(std::uint64_t offset, std::size_t bytes, unsigned warp,
                                      bool is_synchronizing);
  [[nodiscard]] const char* note_write(std::uint64_t offset, std::size_t bytes, unsigned warp,
                                       bool is_synchronizing);
  /// The common case of a read that is not at fault, noted if it is one; false: ask note_read.
  [[nodiscard]] bool note_plain_read(std::uint64_t offset, std::size_t bytes, unsigned warp) {
    for (std::size_t i = offset >> shift_; i <= (offset + bytes - 1) >> shift_; ++i) {
      Unit& unit = units_[i];
      const bool is_ordered = unit.written < now_ || unit.writer == warp;
      if (unit.written < start_ || !is_ordered || unit.is_pending) return false;
      if (unit.read == now_ && unit.reader != warp) unit.reader = many_readers;
      if (unit.read != now_) unit.reader = static_cast<std::uint16_t>(warp);
      unit.read = now_;
    }
    return true;
  }
  /// Marks what an asynchronous copy writes until it is waited for.
  void set_pending(std::uint64_t offset, std::size_t bytes, bool is_pending);

 private:
  struct Unit {
    std::uint32_t written = 0;  ///< when: `now_` of the last write
    std::uint32_t read = 0;
    std::uint16_t writer = 0;  ///< warp
    std::uint16_t reader = 0;
    bool is_pending = false;
  };
  static constexpr std::uint16_t many_readers = 0xffff;

  [[nodiscard]] const char* note_write(Unit& unit, std::uint16_t warp);

  std::vector<std::byte> bytes_;
  std::vector<Unit> units_;
  int shift_ = 0;
  Settings settings_;
  std::uint32_t start_ = 0;  ///< before all accesses of this block
  std::uint32_t now_ = 0;    ///< grows with each barrier
};

}  // namespace tokenwerk::emulator::ptx
