/// Lanes that exchange values, part and meet.

#include <functional>

#include "tests/emulator/ptx/one_instruction.h"

namespace tokenwerk::emulator::ptx {
namespace {

/// What each of 32 threads leaves in %r1; %r0 is its lane.
std::vector<std::uint32_t> lanes_after(const std::string& body) {
  DeviceArray<std::uint32_t> memory(32);
  const std::uint64_t address = memory.address();
  Module module(module_text(".param .u64 x",
                            ".reg .b64 %p<3>; .reg .b32 %r<9>; .reg .pred %q<3>;\n"
                            "ld.param.u64 %p0, [x]; mov.u32 %r0, %laneid;\n" +
                                body + "\nmul.wide.u32 %p1, %r0, 4; add.s64 %p2, %p0, %p1;\n" +
                                "st.global.u32 [%p2], %r1;"),
                memory_map());
  const std::array<const void*, 1> arguments{&address};
  module.launch("k", {{1, 1, 1}, {32, 1, 1}, 0}, arguments);
  return memory.host();
}

void expect_lanes(const std::string& body,
                  const std::function<std::uint32_t(std::uint32_t)>& value) {
  const std::vector<std::uint32_t> lanes = lanes_after(body);
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(lanes[lane], value(lane)) << body << " lane " << lane;
}

TEST(Warp, ShufflesStayInTheirSegment) {
  const auto shuffle = [](const std::string& mode, const std::string& by,
                          const std::string& clamp) {
    return fmt::format("shfl.sync.{}.b32 %r1|%q0, %r0, {}, {}, -1;\n", mode, by, clamp) +
           "@!%q0 add.u32 %r1, %r1, 100;";
  };
  expect_lanes(shuffle("down", "3", "31"),
               [](auto lane) { return lane + 3 <= 31 ? lane + 3 : lane + 100; });
  expect_lanes(shuffle("down", "3", "0x181f"),
               [](auto lane) { return lane % 8 + 3 <= 7 ? lane + 3 : lane + 100; });
  expect_lanes(shuffle("up", "2", "0"),
               [](auto lane) { return lane >= 2 ? lane - 2 : lane + 100; });
  expect_lanes(shuffle("up", "2", "0x1800"),
               [](auto lane) { return lane % 8 >= 2 ? lane - 2 : lane + 100; });
  expect_lanes(shuffle("bfly", "5", "31"), [](auto lane) { return lane ^ 5; });
  expect_lanes(shuffle("idx", "9", "31"), [](auto) { return 9u; });
  expect_lanes(shuffle("idx", "9", "0x181f"), [](auto lane) { return lane / 8 * 8 + 1; });
}

TEST(Warp, LanesWaitForOthersThatComeBack) {
  // Lanes 16 to 31 are at the shuffle first; the others pass it by and return to it.
  expect_lanes(
      "setp.lt.u32 %q0, %r0, 16; mov.u32 %r2, %r0; @%q0 bra SKIP;\n"
      "MEET: shfl.sync.bfly.b32 %r1, %r2, 16, 31, -1; bra END;\n"
      "SKIP: add.u32 %r2, %r2, 1000; bra MEET;\nEND: ",
      [](auto lane) { return lane < 16 ? lane + 16 : lane - 16 + 1000; });
}

TEST(Warp, MasksOfTheirOwn) {
  expect_lanes(
      "setp.lt.u32 %q0, %r0, 8; selp.b32 %r2, 0xff, 0xffffff00, %q0;\n"
      "redux.sync.add.s32 %r1, %r0, %r2;",
      [](auto lane) { return lane < 8 ? 28u : 496u - 28u; });
  expect_lanes("and.b32 %r2, %r0, 1; setp.eq.u32 %q0, %r2, 0; vote.sync.ballot.b32 %r1, !%q0, -1;",
               [](auto) { return 0xaaaaaaaau; });
  expect_lanes("mov.u32 %r1, 0; setp.gt.u32 %q0, %r0, 27; @%q0 activemask.b32 %r1;",
               [](auto lane) { return lane > 27 ? 0xf0000000u : 0u; });
}

TEST(Warp, SpinningLanesLetOthersRun) {
  // Lane 0 loops until lane 31, which is further on, has written.
  expect_lanes(
      "mov.u32 %r1, 7; setp.ne.u32 %q0, %r0, 0; @%q0 bra WRITE;\n"
      "LOOP: ld.volatile.global.u32 %r2, [%p0+64]; setp.eq.u32 %q1, %r2, 0; @%q1 bra LOOP;\n"
      "bra END;\n"
      "WRITE: setp.eq.u32 %q2, %r0, 31; @%q2 st.volatile.global.u32 [%p0+64], %r1;\nEND: ",
      [](auto) { return 7u; });
}

TEST(Warp, BranchTables) {
  expect_lanes(
      "and.b32 %r2, %r0, 3;\n"
      "TABLE: .branchtargets ZERO, ONE, TWO, ONE;\n"
      "brx.idx %r2, TABLE;\n"
      "ZERO: mov.u32 %r1, 10; bra.uni END;\nONE: mov.u32 %r1, 11; bra.uni END;\n"
      "TWO: mov.u32 %r1, 12;\nEND: ",
      [](auto lane) { return lane % 4 == 0   ? 10u
                             : lane % 4 == 2 ? 12u
                                             : 11u; });
}

TEST(Warp, BarriersCombineVotes) {
  expect_lanes("setp.lt.u32 %q0, %r0, 5; bar.red.popc.u32 %r1, 0, %q0;", [](auto) { return 5u; });
  expect_lanes("setp.lt.u32 %q0, %r0, 5; bar.red.and.pred %q1, 0, !%q0; selp.u32 %r1, 1, 0, %q1;",
               [](auto) { return 0u; });
  expect_lanes("setp.lt.u32 %q0, %r0, 5; bar.red.or.pred %q1, 0, %q0; selp.u32 %r1, 1, 0, %q1;",
               [](auto) { return 1u; });
}

}  // namespace
}  // namespace tokenwerk::emulator::ptx
