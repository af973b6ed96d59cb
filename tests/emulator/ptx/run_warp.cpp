/// How a warp chooses what to execute next.

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "tests/emulator/ptx/block.h"
#include "tests/emulator/ptx/warp.h"

namespace tokenwerk::emulator::ptx {
namespace {

constexpr std::uint64_t slice = 8192;  ///< instructions until the next warp has its turn
constexpr std::uint32_t nowhere = ~0u;

}  // namespace

bool Warp::run() {
  steps_left_ = slice;
  const std::uint64_t before = execution_.counts.warp_instructions;
  while (steps_left_ > 0) {
    merge_groups();
    const int chosen = choose_group();
    if (chosen < 0) break;
    run_group(static_cast<std::size_t>(chosen));
  }
  last_goes_first_ = steps_left_ == 0 && !last_goes_first_;
  return execution_.counts.warp_instructions != before;
}

void Warp::merge_groups() {
  for (std::size_t i = 0; i + 1 < groups_.size(); ++i) {
    for (std::size_t j = i + 1; j < groups_.size();) {
      const bool meet = groups_[i].pc == groups_[j].pc && groups_[i].wait != Wait::barrier &&
                        groups_[j].wait != Wait::barrier;
      if (!meet) {
        ++j;
        continue;
      }
      groups_[i].lanes |= groups_[j].lanes;
      groups_[i].wait = Wait::none;
      groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(j));
    }
  }
}

int Warp::choose_group() const {
  int chosen = -1;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].wait != Wait::none) continue;
    const bool is_better =
        chosen < 0 ||
        (groups_[i].pc < groups_[static_cast<std::size_t>(chosen)].pc) != last_goes_first_;
    if (is_better) chosen = static_cast<int>(i);
  }
  return chosen;
}

/// The first place ahead of a group where another one is, which it then joins.
std::uint32_t Warp::next_meeting(std::size_t group) const {
  std::uint32_t next = nowhere;
  for (const Group& other : groups_)
    if (other.pc > groups_[group].pc && other.wait != Wait::barrier)
      next = std::min(next, other.pc);
  return next;
}

void Warp::run_group(std::size_t index) {
  Group group = groups_[index];
  const std::uint32_t meeting = next_meeting(index);
  const bool is_alone = groups_.size() == 1;
  KernelStatistics& counts = execution_.counts;
  bool goes_on = true;
  while (goes_on) {
    const Instruction& instruction = code_[group.pc];
    std::uint32_t active = group.lanes;
    if (instruction.has_guard) {
      active &= predicate(instruction.guard) ^ (instruction.guard_negated ? all_lanes : 0);
      if (group.lanes & ~defined_[instruction.guard.index]) {
        active_ = group.lanes;
        report_undefined(instruction, instruction.guard);
      }
    }
    ++counts.warp_instructions;
    counts.thread_instructions += static_cast<std::uint64_t>(std::popcount(active));
    if (instruction.flow == Flow::next) [[likely]] {
      if (active != 0) act(instruction, active);
      ++group.pc;
    } else {
      goes_on = step(instruction, group, active) && is_alone;
    }
    goes_on = goes_on && group.pc != meeting && --steps_left_ > 0;
  }
  groups_[index] = group;
  if (group.lanes == 0) groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(index));
  groups_.insert(groups_.end(), split_.begin(), split_.end());
  split_.clear();
  if (steps_left_ > 0) --steps_left_;
}

void Warp::act(const Instruction& instruction, std::uint32_t active) {
  require_defined(instruction, active);
  active_ = active;
  instruction.run(*this, instruction);
  defined_[instruction.to.index] |= active;
  defined_[instruction.second_to.index] |= active;
}

bool Warp::step(const Instruction& instruction, Group& group, std::uint32_t active) {
  if (active == 0) {
    ++group.pc;
    return true;
  }
  switch (instruction.flow) {
    case Flow::branch: return step_branch(instruction, group, active);
    case Flow::branch_table: return step_branch_table(instruction, group, active);
    case Flow::exit: return step_exit(group, active);
    case Flow::meet_lanes: return step_meeting(instruction, group, active);
    default: return step_barrier(instruction, group, active);
  }
}

bool Warp::step_branch(const Instruction& instruction, Group& group, std::uint32_t active) {
  if (active == group.lanes) {
    group.pc = instruction.target;
    return true;
  }
  split_.push_back({instruction.target, active, Wait::none, 0});
  group.lanes &= ~active;
  ++group.pc;
  return false;
}

bool Warp::step_branch_table(const Instruction& instruction, Group& group, std::uint32_t active) {
  require_defined(instruction, active);
  for (int lane = 0; lane < warp_size; ++lane) {
    if (!(active >> lane & 1)) continue;
    const auto entry = read<std::uint32_t>(instruction.from[0], lane);
    if (entry >= instruction.targets.size())
      fault(instruction, lane, fmt::format("branch table has no entry {}", entry));
    split_.push_back({instruction.targets[entry], 1u << lane, Wait::none, 0});
  }
  group.lanes &= ~active;
  ++group.pc;
  return false;
}

bool Warp::step_exit(Group& group, std::uint32_t active) {
  live_ &= ~active;
  group.lanes &= ~active;
  ++group.pc;
  return false;
}

bool Warp::step_meeting(const Instruction& instruction, Group& group, std::uint32_t active) {
  require_defined(instruction, active);
  const std::uint32_t ready = lanes_that_meet(instruction, active);
  if (ready != 0) act(instruction, ready);
  if (ready == active) {
    ++group.pc;
    return true;
  }
  const std::uint32_t onward = group.lanes & (ready | ~active);
  if (onward != 0) split_.push_back({group.pc + 1, onward, Wait::none, 0});
  group.lanes &= ~onward;
  group.wait = Wait::lanes;
  return false;
}

std::uint32_t Warp::lanes_that_meet(const Instruction& instruction, std::uint32_t active) {
  const std::uint32_t* masks = lanes<std::uint32_t>(instruction.from[3]);
  std::uint32_t ready = 0;
  for (std::uint32_t rest = active; rest != 0;) {
    const int lane = std::countr_zero(rest);
    const std::uint32_t mask = masks[lane];
    std::uint32_t same = 0;
    for (int other = lane; other < warp_size; ++other)
      if (masks[other] == mask) same |= rest & (1u << other);
    if ((same & ~mask) != 0)
      fault(instruction, std::countr_zero(same & ~mask),
            fmt::format("the executing lane is not in its own mask {:#x}", mask));
    if (const std::uint32_t gone = mask & existing_ & ~live_; gone != 0)
      fault(
          instruction, lane,
          fmt::format("mask {:#x} names lane {}, which has exited", mask, std::countr_zero(gone)));
    if (same == (mask & existing_)) ready |= same;
    rest &= ~same;
  }
  return ready;
}

bool Warp::step_barrier(const Instruction& instruction, Group& group, std::uint32_t active) {
  require_defined(instruction, active);
  const int lane = std::countr_zero(active);
  const std::uint32_t id = block_.barrier_id(*this, instruction, lane);
  const std::uint32_t pc = group.pc;
  const std::uint32_t waiting = instruction.barrier == BarrierKind::arrive ? 0 : active;
  // The waiting lanes stand in groups_ before the barrier learns of them: they may be the last.
  if (waiting != 0) groups_.push_back({pc, waiting, Wait::barrier, id});
  group.lanes &= ~waiting;
  ++group.pc;
  block_.arrive(*this, instruction, active, pc);
  return false;
}

}  // namespace tokenwerk::emulator::ptx
