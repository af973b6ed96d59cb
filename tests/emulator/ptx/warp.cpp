#include "tests/emulator/ptx/warp.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "tests/emulator/fault.h"
#include "tests/emulator/ptx/block.h"

namespace tokenwerk::emulator::ptx {
namespace {

constexpr std::size_t alignment = 64;

std::string in_words(const Sizes& p) { return fmt::format("({},{},{})", p[0], p[1], p[2]); }

std::string place_in_words(const Program& program, std::size_t pc) {
  const Source& source = program.sources[pc];
  const std::string function =
      source.function == program.name ? "" : fmt::format("in {}, ", source.function);
  return fmt::format("{}PTX line {}: {}", function, source.line, source.text);
}

template <typename T>
void fill(T* lanes, std::uint64_t bits) {
  std::fill_n(lanes, warp_size, static_cast<T>(bits));
}

}  // namespace

Warp::Warp(Block& block, unsigned number)
    : block_(block), execution_(block.execution()), number_(number) {
  const Program& program = execution_.program;
  code_ = program.code.data();
  storage_.resize(program.register_bytes + alignment);
  const auto begin = reinterpret_cast<std::uintptr_t>(storage_.data());
  registers_ = storage_.data() + (alignment - begin % alignment) % alignment;
  const unsigned count =
      std::min<unsigned>(warp_size, execution_.shape.block_threads() - number * warp_size);
  existing_ = count == warp_size ? all_lanes : (1u << count) - 1;
  fill_constants();
  fill_specials(false);
}

void Warp::start() {
  defined_.assign(execution_.program.register_count, 0);
  defined_[always_defined] = all_lanes;
  live_ = existing_;
  groups_.assign(1, {0, existing_, Wait::none, 0});
  copies.clear();
  copy_groups = {};
  fill_specials(true);
}

void Warp::fill_constants() {
  for (const Constant& constant : execution_.program.constants) {
    switch (constant.slot.width) {
      case 1: predicate(constant.slot) = constant.bits != 0 ? all_lanes : 0; break;
      case 2: fill(lanes<std::uint16_t>(constant.slot), constant.bits); break;
      case 4: fill(lanes<std::uint32_t>(constant.slot), constant.bits); break;
      default: fill(lanes<std::uint64_t>(constant.slot), constant.bits);
    }
  }
}

void Warp::fill_specials(bool of_the_grid) {
  const LaunchShape& shape = execution_.shape;
  const auto value_of = [&](Special special, int lane) -> std::uint64_t {
    const auto bit = 1ull << lane;
    const auto i = static_cast<std::size_t>(special);
    if (special <= Special::tid_z) return block_.thread_position(thread(lane))[i];
    if (special <= Special::ntid_z) return shape.block[i - 3];
    if (special <= Special::ctaid_z) return block_.position()[i - 6];
    if (special <= Special::nctaid_z) return shape.grid[i - 9];
    switch (special) {
      case Special::laneid: return static_cast<std::uint64_t>(lane);
      case Special::warpid: return number_;
      case Special::nwarpid: return (shape.block_threads() + warp_size - 1) / warp_size;
      case Special::lanemask_eq: return bit;
      case Special::lanemask_lt: return bit - 1;
      case Special::lanemask_le: return 2 * bit - 1;
      case Special::lanemask_gt: return ~(2 * bit - 1);
      case Special::lanemask_ge: return ~(bit - 1);
      case Special::dynamic_smem_size: return shape.dynamic_shared_bytes;
      case Special::total_smem_size: return block_.shared().size();
      default: return 0;
    }
  };
  for (const SpecialSlot& special : execution_.program.specials) {
    const bool is_position =
        special.special >= Special::ctaid_x && special.special <= Special::ctaid_z;
    if (is_position != of_the_grid) continue;
    for (int lane = 0; lane < warp_size; ++lane) {
      const std::uint64_t value = value_of(special.special, lane);
      switch (special.slot.width) {
        case 2: lanes<std::uint16_t>(special.slot)[lane] = static_cast<std::uint16_t>(value); break;
        case 4: lanes<std::uint32_t>(special.slot)[lane] = static_cast<std::uint32_t>(value); break;
        default: lanes<std::uint64_t>(special.slot)[lane] = value;
      }
    }
  }
}

void Warp::require_list(const Instruction& instruction) {
  if (!execution_.settings.undefined_registers) return;
  for (const Slot& slot : instruction.list)
    if ((active_ & ~defined_[slot.index]) != 0) report_undefined(instruction, slot);
}

void Warp::require_defined(const Instruction& instruction, std::uint32_t active) {
  const auto& from = instruction.from;
  const std::uint32_t all = defined_[from[0].index] & defined_[from[1].index] &
                            defined_[from[2].index] & defined_[from[3].index];
  if ((active & ~all) == 0 || !execution_.settings.undefined_registers) [[likely]]
    return;
  active_ = active;
  for (const Slot& slot : from)
    if ((active & ~defined_[slot.index]) != 0) report_undefined(instruction, slot);
}

void Warp::report_undefined(const Instruction& instruction, const Slot& slot) const {
  fault(instruction, std::countr_zero(active_ & ~defined_[slot.index]),
        "reads a register that was never written");
}

void Warp::fault(const Instruction& instruction, int lane, const std::string& reason) const {
  const Program& program = execution_.program;
  throw Fault(fmt::format("kernel {}, block {}, thread {}, {}: {}", program.name,
                          in_words(block_.position()),
                          in_words(block_.thread_position(thread(lane))),
                          place_in_words(program, index_of(instruction)), reason));
}

void Warp::pass_barrier(std::uint32_t id, std::uint32_t outcome) {
  for (Group& group : groups_) {
    if (group.wait != Wait::barrier || group.barrier != id) continue;
    const Instruction& instruction = code_[group.pc];
    for (int lane = 0; lane < warp_size; ++lane)
      if (instruction.to.width == 4 && (group.lanes >> lane & 1))
        lanes<std::uint32_t>(instruction.to)[lane] = outcome;
    if (instruction.to.width == 1) {
      std::uint32_t& mask = predicate(instruction.to);
      mask = (mask & ~group.lanes) | (outcome != 0 ? group.lanes : 0);
    }
    defined_[instruction.to.index] |= group.lanes;
    group.wait = Wait::none;
    ++group.pc;
  }
}

void Warp::explain_wait() const {
  for (const Group& group : groups_) {
    const Instruction& instruction = code_[group.pc];
    const int lane = std::countr_zero(group.lanes);
    if (group.wait == Wait::barrier)
      fault(instruction, lane,
            "divergent barrier: the other threads that it waits for have exited or wait elsewhere");
    if (group.wait == Wait::lanes)
      fault(instruction, lane,
            "divergent lanes: the other lanes of its mask have gone elsewhere and wait there");
  }
}

}  // namespace tokenwerk::emulator::ptx
