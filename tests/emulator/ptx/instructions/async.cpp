/// cp.async: the copy is done at once, but what it wrote may only be read after the wait.

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "tests/emulator/ptx/block.h"
#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/memory_access.h"

namespace tokenwerk::emulator::ptx {
namespace {

/// `[shared], [global], bytes, source bytes`: what the source lacks becomes zero. `from[0]` is the
/// shared address, `from[1]` the global one, `from[2]` the source bytes; `value` and `target` are
/// the offsets of the addresses.
void run_copy(Warp& warp, const Instruction& in) {
  const std::size_t bytes = in.access.bytes;
  std::array<std::uint64_t, warp_size> sources{};
  for (std::uint32_t rest = warp.active(); rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const auto i = static_cast<std::size_t>(lane);
    std::uint64_t shared =
        warp.read<std::uint64_t>(in.from[0], lane) + static_cast<std::uint64_t>(in.value);
    if (in.from[0].width == 4) shared &= ~0u;
    sources[i] = warp.read<std::uint64_t>(in.from[1], lane) +
                 static_cast<std::uint64_t>(static_cast<std::int32_t>(in.target));
    const auto given = std::min<std::size_t>(bytes, warp.read<std::uint32_t>(in.from[2], lane));
    std::byte* to = resolve_one(warp, in, lane, Space::shared, shared, bytes, Direction::write);
    std::memset(to, 0, bytes);
    if (given > 0)
      std::memcpy(to,
                  resolve_one(warp, in, lane, Space::global, sources[i], bytes, Direction::read),
                  given);
    warp.block().shared().set_pending(shared, bytes, true);
    warp.copies.push_back({shared, bytes, lane, warp.copy_groups[i]});
  }
  count_global(warp, sources, warp.active(), bytes, Direction::read);
}

void run_commit(Warp& warp, const Instruction&) {
  for (std::uint32_t rest = warp.active(); rest != 0; rest &= rest - 1)
    ++warp.copy_groups[static_cast<std::size_t>(std::countr_zero(rest))];
}

/// All but the last `value` groups of each active lane are complete.
void run_wait(Warp& warp, const Instruction& in) {
  const bool waits_for_all = in.target == 1;
  std::erase_if(warp.copies, [&](const Warp::Copy& copy) {
    if ((warp.active() >> copy.lane & 1) == 0) return false;
    const std::int64_t committed = warp.copy_groups[static_cast<std::size_t>(copy.lane)];
    const bool is_complete = waits_for_all || copy.group < committed - in.value;
    if (is_complete) warp.block().shared().set_pending(copy.offset, copy.bytes, false);
    return is_complete;
  });
}

void decode_copy(Decoding& d) {
  d.ignore({"ca", "cg"});
  if (d.take_one_of({"shared", "shared::cta"}) < 0 || !d.take("global"))
    d.refuse("only copies from global to shared memory are known");
  d.ignore({"L2::64B", "L2::128B", "L2::256B"});
  d.expect_operands(3, 4);
  const std::uint64_t bytes = d.number(2, Type::b32);
  if (bytes != 4 && bytes != 8 && bytes != 16) d.refuse("copies are of 4, 8 or 16 bytes");
  d.out.access.space = Space::shared;
  d.out.access.bytes = static_cast<std::uint8_t>(bytes);
  d.set_address(1);
  const Slot global = d.out.from[0];
  d.out.target = static_cast<std::uint32_t>(d.out.value);
  d.set_address(0);
  d.out.from[1] = global;
  d.out.from[2] = d.operand_count() == 4 ? d.source(3, Type::b32) : d.constant(bytes, 4);
  d.out.run = run_copy;
}

void decode_cp(Decoding& d) {
  if (!d.take("async")) d.refuse("only cp.async is known");
  if (d.take("commit_group")) {
    d.expect_operands(0);
    d.out.run = run_commit;
  } else if (d.take("wait_group")) {
    d.expect_operands(1);
    d.out.value = static_cast<std::int64_t>(d.number(0, Type::b32));
    d.out.run = run_wait;
  } else if (d.take("wait_all")) {
    d.expect_operands(0);
    d.out.target = 1;
    d.out.run = run_wait;
  } else {
    decode_copy(d);
  }
}

constexpr std::array<Opcode, 1> opcodes{{{"cp", decode_cp}}};

}  // namespace

std::span<const Opcode> async_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
