#include "tests/emulator/ptx/block.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "tests/emulator/fault.h"

namespace tokenwerk::emulator::ptx {

Block::Block(Execution& execution)
    : execution_(execution),
      shared_(execution.program.static_shared_bytes + execution.shape.dynamic_shared_bytes,
              execution.program.shared_unit, execution.settings),
      local_(execution.program.local_bytes * execution.shape.block_threads()) {
  const unsigned count = (execution.shape.block_threads() + warp_size - 1) / warp_size;
  warps_.reserve(count);
  for (unsigned number = 0; number < count; ++number) warps_.emplace_back(*this, number);
}

Sizes Block::thread_position(unsigned thread) const {
  const Sizes& block = execution_.shape.block;
  return {thread % block[0], thread / block[0] % block[1], thread / block[0] / block[1]};
}

void Block::run(const Sizes& position) {
  position_ = position;
  barriers_ = {};
  shared_.start_block();
  std::fill(local_.begin(), local_.end(), std::byte{0xff});
  for (Warp& warp : warps_) warp.start();
  bool is_alive = true;
  while (is_alive) {
    bool has_run = false;
    is_alive = false;
    for (Warp& warp : warps_) {
      if (warp.has_ended()) continue;
      has_run |= warp.run();
      is_alive |= !warp.has_ended();
    }
    if (is_alive && !has_run) report_deadlock();
    if (execution_.counts.warp_instructions > execution_.settings.instruction_budget)
      throw Fault(fmt::format("kernel {}: more than {} warp instructions: it may never end",
                              execution_.program.name, execution_.settings.instruction_budget));
  }
}

std::uint32_t Block::barrier_id(Warp& warp, const Instruction& instruction, int lane) const {
  const auto id = warp.read<std::uint32_t>(instruction.from[0], lane);
  if (id >= barriers_.size())
    warp.fault(instruction, lane, fmt::format("barrier {} does not exist", id));
  return id;
}

void Block::arrive(Warp& warp, const Instruction& instruction, std::uint32_t lanes,
                   std::uint32_t pc) {
  const int lane = std::countr_zero(lanes);
  const std::uint32_t id = barrier_id(warp, instruction, lane);
  const auto count = warp.read<std::uint32_t>(instruction.from[1], lane);
  Barrier& barrier = barriers_[id];
  if (count % warp_size != 0)
    warp.fault(instruction, lane, fmt::format("{} threads are not whole warps", count));
  const std::uint32_t expected = count != 0 ? count : execution_.shape.block_threads();
  if (barrier.arrived == 0) barrier = {0, expected, pc, 0};
  if (barrier.expected != expected)
    warp.fault(instruction, lane,
               fmt::format("divergent barrier {}: {} threads here, {} elsewhere", id, expected,
                           barrier.expected));
  if (count == 0 && barrier.pc != pc)
    warp.fault(instruction, lane,
               fmt::format("divergent barrier {}: other threads wait for it at PTX line {}", id,
                           execution_.program.sources[barrier.pc].line));
  barrier.arrived += static_cast<std::uint32_t>(std::popcount(lanes));
  if (instruction.from[2].width == 1) {
    const std::uint32_t votes =
        warp.predicate(instruction.from[2]) ^ (instruction.value != 0 ? all_lanes : 0);
    barrier.true_predicates += static_cast<std::uint32_t>(std::popcount(votes & lanes));
  }
  if (barrier.arrived < barrier.expected) return;
  const std::uint32_t outcome =
      instruction.barrier == BarrierKind::all   ? barrier.true_predicates == barrier.arrived
      : instruction.barrier == BarrierKind::any ? barrier.true_predicates > 0
                                                : barrier.true_predicates;
  barrier = {};
  shared_.pass_barrier();
  for (Warp& other : warps_) other.pass_barrier(id, outcome);
}

void Block::report_deadlock() {
  for (const Warp& warp : warps_) warp.explain_wait();
  throw Fault(fmt::format("kernel {}: no warp can go on", execution_.program.name));
}

void execute(const Program& program, const LaunchShape& shape, const MemoryMap& memory,
             std::vector<std::byte> parameters) {
  Execution execution{program, shape, memory, settings(), std::move(parameters), {}, {}};
  execution.recent.resize(program.code.size());
  execution.counts.launches = 1;
  struct Report {  // also when a fault ends the launch
    const Execution& execution;
    ~Report() { add_statistics(execution.program.name, execution.counts); }
  } report{execution};
  Block block(execution);
  for (std::uint32_t z = 0; z < shape.grid[2]; ++z)
    for (std::uint32_t y = 0; y < shape.grid[1]; ++y)
      for (std::uint32_t x = 0; x < shape.grid[0]; ++x) block.run({x, y, z});
}

}  // namespace tokenwerk::emulator::ptx
