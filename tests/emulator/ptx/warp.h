#pragma once
/// 32 threads that execute one instruction together, as long as they are at the same place.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/emulator/ptx/execution.h"
#include "tests/emulator/ptx/program.h"

namespace tokenwerk::emulator::ptx {

class Block;

/// Lanes that part at a branch become groups with a program counter each. The group that is
/// furthest behind runs first, so groups meet again where their ways join.
class Warp {
 public:
  Warp(Block& block, unsigned number);

  /// Begins a new block: no register is defined, all lanes are at the first instruction.
  void start();
  /// Runs until all lanes have ended or wait, or some thousand instructions have passed. True if
  /// an instruction ran.
  bool run();
  [[nodiscard]] bool has_ended() const { return live_ == 0; }

  /// The lanes for which the instruction acts.
  [[nodiscard]] std::uint32_t active() const { return active_; }
  /// True if no other lane of this warp can see what inactive lanes' registers become.
  [[nodiscard]] bool is_converged() const { return active_ == live_; }
  [[nodiscard]] std::uint32_t live() const { return live_; }
  [[nodiscard]] std::uint32_t existing() const { return existing_; }
  [[nodiscard]] unsigned number() const { return number_; }
  [[nodiscard]] unsigned thread(int lane) const {
    return number_ * warp_size + static_cast<unsigned>(lane);
  }

  template <typename T>
  [[nodiscard]] T* lanes(const Slot& slot) {
    return reinterpret_cast<T*>(registers_ + slot.offset);
  }
  [[nodiscard]] std::uint32_t& predicate(const Slot& slot) { return *lanes<std::uint32_t>(slot); }
  /// The low bytes of a register of any width, as T.
  template <typename T>
  [[nodiscard]] T read(const Slot& slot, int lane) {
    switch (slot.width) {
      case 2: return static_cast<T>(lanes<std::uint16_t>(slot)[lane]);
      case 4: return static_cast<T>(lanes<std::uint32_t>(slot)[lane]);
      default: return static_cast<T>(lanes<std::uint64_t>(slot)[lane]);
    }
  }
  /// Says that the active lanes have written the register; `Instruction::to` needs no word.
  void define(const Slot& slot) { defined_[slot.index] |= active_; }
  /// Throws unless the active lanes have written the registers of the instruction's list.
  void require_list(const Instruction& instruction);

  [[nodiscard]] Block& block() { return block_; }
  [[nodiscard]] Execution& execution() { return execution_; }
  [[nodiscard]] std::size_t index_of(const Instruction& instruction) const {
    return static_cast<std::size_t>(&instruction - execution_.program.code.data());
  }
  [[noreturn]] void fault(const Instruction& instruction, int lane,
                          const std::string& reason) const;

  /// Sends the lanes that wait at barrier `id` behind it, each with the outcome of a reduction.
  void pass_barrier(std::uint32_t id, std::uint32_t outcome);
  /// Throws a fault that says why the first waiting lane of a stuck block waits; nothing if none.
  void explain_wait() const;

  /// Asynchronous copies to shared memory that no lane has waited for yet.
  struct Copy {
    std::uint64_t offset;
    std::size_t bytes;
    int lane;
    std::uint32_t group;
  };
  std::vector<Copy> copies;
  std::array<std::uint32_t, warp_size> copy_groups{};  ///< committed by each lane

 private:
  enum class Wait : std::uint8_t { none, lanes, barrier };
  struct Group {
    std::uint32_t pc = 0;
    std::uint32_t lanes = 0;
    Wait wait = Wait::none;
    std::uint32_t barrier = 0;
  };

  void fill_constants();
  /// Those that differ from block to block, or those that do not.
  void fill_specials(bool of_the_grid);
  void merge_groups();
  [[nodiscard]] int choose_group() const;
  [[nodiscard]] std::uint32_t next_meeting(std::size_t group) const;
  void run_group(std::size_t index);
  void act(const Instruction& instruction, std::uint32_t active);
  /// Each returns false if the group has changed and another must be chosen.
  bool step_branch(const Instruction& instruction, Group& group, std::uint32_t active);
  bool step_branch_table(const Instruction& instruction, Group& group, std::uint32_t active);
  bool step_meeting(const Instruction& instruction, Group& group, std::uint32_t active);
  bool step_exit(Group& group, std::uint32_t active);
  bool step_barrier(const Instruction& instruction, Group& group, std::uint32_t active);
  bool step(const Instruction& instruction, Group& group, std::uint32_t active);
  /// Those of the active lanes whose masks name only lanes that are here too.
  [[nodiscard]] std::uint32_t lanes_that_meet(const Instruction& instruction, std::uint32_t active);
  void require_defined(const Instruction& instruction, std::uint32_t active);
  [[noreturn]] void report_undefined(const Instruction& instruction, const Slot& slot) const;

  Block& block_;
  Execution& execution_;
  const Instruction* code_ = nullptr;
  unsigned number_ = 0;
  std::uint32_t existing_ = 0;  ///< lanes that the block has
  std::uint32_t live_ = 0;      ///< lanes that have not exited
  std::uint32_t active_ = 0;
  std::vector<std::byte> storage_;
  std::byte* registers_ = nullptr;
  std::vector<std::uint32_t> defined_;
  std::vector<Group> groups_;
  std::vector<Group> split_;  ///< groups that came to be in a step
  std::uint64_t steps_left_ = 0;
  bool last_goes_first_ = false;  ///< a group that loops may wait for one that is further on
};

/// Handler of a failed assert(); `targets` holds the places of its arguments.
void fail_assertion(Warp& warp, const Instruction& instruction);

}  // namespace tokenwerk::emulator::ptx
