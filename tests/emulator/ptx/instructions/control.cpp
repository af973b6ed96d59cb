/// Branches, barriers, and the ends of threads.

#include <fmt/core.h>

#include <array>
#include <bit>
#include <cstring>

#include "tests/emulator/ptx/block.h"
#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/arithmetic.h"
#include "tests/emulator/ptx/lanes.h"
#include "tests/emulator/ptx/memory_access.h"

namespace tokenwerk::emulator::ptx {
namespace {

void run_nothing(Warp&, const Instruction&) {}

void run_trap(Warp& warp, const Instruction& in) {
  warp.fault(in, std::countr_zero(warp.active()), "the kernel trapped");
}

void decode_bra(Decoding& d) {
  d.ignore({"uni"});
  d.expect_operands(1);
  d.out.flow = Flow::branch;
}

void decode_brx(Decoding& d) {
  if (!d.take("idx")) d.refuse("only brx.idx is known");
  d.ignore({"uni"});
  d.expect_operands(2);
  d.out.from[0] = d.source(0, Type::u32);
  d.out.flow = Flow::branch_table;
}

void decode_exit(Decoding& d) {
  d.ignore({"uni"});
  d.expect_operands(0);
  d.out.flow = Flow::exit;
}

void decode_trap(Decoding& d) {
  d.expect_operands(0);
  d.out.run = run_trap;
}

void decode_nanosleep(Decoding& d) {
  d.out.from[0] = d.source(0, d.take_type());
  d.out.run = run_nothing;
}

void decode_griddepcontrol(Decoding& d) {
  d.ignore({"launch_dependents", "wait"});
  d.out.run = run_nothing;
}

/// bar.warp.sync mask: the lanes of the mask meet.
void decode_warp_barrier(Decoding& d) {
  d.take("sync");
  d.expect_operands(1);
  d.out.from[3] = d.source(0, Type::b32);
  d.out.flow = Flow::meet_lanes;
  d.out.run = run_nothing;
}

/// `id` and, perhaps, the number of threads, from operand `first` on.
void set_barrier(Decoding& d, std::size_t first, std::size_t end) {
  d.out.from[0] = first < end ? d.source(first, Type::u32) : d.constant(0, 4);
  d.out.from[1] = first + 1 < end ? d.source(first + 1, Type::u32) : d.constant(0, 4);
  d.out.flow = Flow::barrier;
}

/// bar.red: `to, id, [threads,] predicate`.
void decode_barrier_reduction(Decoding& d) {
  const int operation = d.take_one_of({"popc", "and", "or"});
  if (operation < 0) d.refuse("the reduction is not known");
  constexpr std::array<BarrierKind, 3> kinds{BarrierKind::count, BarrierKind::all,
                                             BarrierKind::any};
  d.out.barrier = kinds[static_cast<std::size_t>(operation)];
  d.out.to = d.destination(0, d.take_type());
  d.expect_operands(3, 4);
  const std::size_t last = d.operand_count() - 1;
  set_barrier(d, 1, last);
  Operand predicate = d.operand(last);
  d.out.value = predicate.negated ? 1 : 0;
  predicate.negated = false;
  d.out.from[2] = d.source(predicate, Type::pred);
}

void decode_bar(Decoding& d) {
  d.ignore({"cta", "aligned"});
  if (d.take("warp")) return decode_warp_barrier(d);
  const int kind = d.take_one_of({"sync", "arrive", "red"});
  if (kind < 0) d.refuse("sync, arrive or red is missing");
  if (kind == 2) return decode_barrier_reduction(d);
  d.out.barrier = kind == 0 ? BarrierKind::sync : BarrierKind::arrive;
  d.expect_operands(1, 2);
  set_barrier(d, 0, d.operand_count());
}

void run_clock(Warp& warp, const Instruction& in) {
  const std::uint64_t now = warp.execution().counts.warp_instructions;
  if (in.to.width == 8)
    each_lane(warp, warp.lanes<std::uint64_t>(in.to), [=](int) { return now; });
  else
    each_lane(warp, warp.lanes<std::uint32_t>(in.to),
              [=](int) { return static_cast<std::uint32_t>(now); });
}

constexpr std::array<Opcode, 9> opcodes{{{"bra", decode_bra},
                                         {"brx", decode_brx},
                                         {"ret", decode_exit},
                                         {"exit", decode_exit},
                                         {"trap", decode_trap},
                                         {"nanosleep", decode_nanosleep},
                                         {"griddepcontrol", decode_griddepcontrol},
                                         {"bar", decode_bar},
                                         {"barrier", decode_bar}}};

/// The text at an address that an argument of a call holds.
std::string text_argument(Warp& warp, const Instruction& in, int lane, std::uint32_t place) {
  std::uint64_t address = 0;
  std::memcpy(&address, warp.block().local(warp.thread(lane)) + place, sizeof address);
  std::string text;
  for (;; ++address) {
    const auto c = static_cast<char>(
        *resolve_one(warp, in, lane, Space::generic, address, 1, Direction::read));
    if (c == '\0') return text;
    text += c;
  }
}

}  // namespace

bool decode_clock(Decoding& d, Type type) {
  const std::string& name = d.operand(1).name;
  if (name != "%clock" && name != "%clock64" && name != "%globaltimer") return false;
  if (size_of(type) < 4) d.refuse("the type is not known here");
  d.out.run = run_clock;
  return true;
}

void fail_assertion(Warp& warp, const Instruction& in) {
  const int lane = std::countr_zero(warp.active());
  std::uint32_t line = 0;
  std::memcpy(&line, warp.block().local(warp.thread(lane)) + in.targets.at(2), sizeof line);
  warp.fault(
      in, lane,
      fmt::format("{}:{}: assertion {} failed", text_argument(warp, in, lane, in.targets.at(1)),
                  line, text_argument(warp, in, lane, in.targets.at(0))));
}

std::span<const Opcode> control_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
