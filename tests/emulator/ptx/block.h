#pragma once
/// The warps of one block, their barriers and their memory.

#include <array>
#include <cstdint>
#include <vector>

#include "tests/emulator/ptx/shared_memory.h"
#include "tests/emulator/ptx/warp.h"

namespace tokenwerk::emulator::ptx {

/// Runs the blocks of a launch one after the other in the same storage.
class Block {
 public:
  explicit Block(Execution& execution);

  /// Runs the block at `position` of the grid to its end.
  void run(const Sizes& position);

  [[nodiscard]] Execution& execution() { return execution_; }
  [[nodiscard]] SharedMemory& shared() { return shared_; }
  [[nodiscard]] const Sizes& position() const { return position_; }
  [[nodiscard]] Sizes thread_position(unsigned thread) const;
  [[nodiscard]] std::byte* local(unsigned thread) {
    return local_.data() + thread * execution_.program.local_bytes;
  }
  /// Lanes of a warp have come to a barrier. `pc` tells one barrier instruction from another.
  void arrive(Warp& warp, const Instruction& instruction, std::uint32_t lanes, std::uint32_t pc);
  /// Refuses barriers that do not exist and thread counts that cannot be.
  [[nodiscard]] std::uint32_t barrier_id(Warp& warp, const Instruction& instruction,
                                         int lane) const;

 private:
  struct Barrier {
    std::uint32_t arrived = 0;
    std::uint32_t expected = 0;
    std::uint32_t pc = 0;
    std::uint32_t true_predicates = 0;
  };
  [[noreturn]] void report_deadlock();

  Execution& execution_;
  SharedMemory shared_;
  std::vector<std::byte> local_;
  std::array<Barrier, 16> barriers_{};
  Sizes position_{};
  std::vector<Warp> warps_;
};

}  // namespace tokenwerk::emulator::ptx
