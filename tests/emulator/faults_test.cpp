/// What the emulator refuses, and what its reports say.

#include "tests/emulator/fault.h"

#include <driver_types.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/emulator/kernels/kernels.h"
#include "tests/emulator/launch/launch.h"
#include "tests/emulator/ptx/one_instruction.h"
#include "tests/emulator/statistics.h"

namespace tokenwerk::emulator {
namespace {

using ptx::LaunchShape;
using ptx::Module;
using ptx::module_text;

/// The text of what `run` throws.
std::string report_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Fault& fault) {
    return fault.what();
  } catch (const Unsupported& unsupported) {
    return unsupported.what();
  }
  return "nothing was thrown";
}

/// Runs a kernel whose parameter `x` is an array of 64 words.
std::string report_of(const std::string& body, const LaunchShape& shape = {}) {
  DeviceArray<std::uint32_t> memory(64);
  const std::uint64_t address = memory.address();
  return report_of([&] {
    Module module(module_text(".param .u64 x",
                              ".reg .b64 %p; .reg .b32 %r<9>; .reg .pred %q;\n"
                              "ld.param.u64 %p, [x]; mov.u32 %r0, %tid.x;\n" +
                                  body),
                  memory_map());
    const std::array<const void*, 1> arguments{&address};
    module.launch("k", shape, arguments);
  });
}

void expect_in(const std::string& report, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    EXPECT_NE(report.find(part), std::string::npos) << report << "\n  lacks: " << part;
}

const LaunchShape two_warps{{1, 1, 1}, {64, 1, 1}, 0};
const LaunchShape one_warp{{1, 1, 1}, {32, 1, 1}, 0};

TEST(Refusal, NamesWhatIsUnknown) {
  expect_in(report_of("frobnicate.b32 %r1, %r2;"),
            {"k: PTX line", "frobnicate.b32 %r1, %r2", "instruction frobnicate is not known"});
  expect_in(report_of("add.strange.s32 %r1, %r0, %r0;"), {"modifier .strange is not known"});
  expect_in(report_of("add.s64 %r1, %r0, %r0;"), {"a register of 32 bits does not fit .s64"});
  expect_in(report_of("mov.u32 %r1, %envreg3;"), {"special register or symbol %envreg3"});
  expect_in(report_of("mov.u32 %r1, nowhere;"), {"symbol nowhere is not known"});
  expect_in(report_of("bra nowhere;"), {"label nowhere is not known"});
  expect_in(report_of("add.s32 %r1, %r0;"), {"has 2 operands"});
  expect_in(report_of("cvt.rn.f32.e4m3x2 %r1, %r0;"), {"this conversion is not known"});
  expect_in(report_of("atom.global.frob.u32 %r1, [%p], %r0;"), {"the operation is not known"});
}

TEST(Faults, GlobalMemory) {
  expect_in(report_of("ld.global.u32 %r1, [%p+256];"),
            {"kernel k, block (0,0,0), thread (0,0,0), PTX line", "ld.global.u32 %r1, [%p+256]",
             "global read of 4 bytes at 0x", "out of bounds",
             "0 bytes past the end of the allocation of 256 bytes"});
  expect_in(report_of("st.global.u32 [%p+-4], %r0;"),
            {"global write", "4 bytes before the allocation of 256 bytes"});
  expect_in(report_of("ld.global.v2.u32 {%r1, %r2}, [%p+252];"), {"misaligned: 8 bytes at 0x"});
  expect_in(report_of("ld.global.u32 %r1, [%p+2];"), {"misaligned: 4 bytes at 0x"});
  expect_in(
      report_of("mul.lo.s32 %r1, %r0, 8; cvt.u64.u32 %p, %r1; ld.global.u32 %r2, [%p];", one_warp),
      {"global read of 4 bytes at 0x0"});
}

TEST(Faults, SharedAndLocalMemory) {
  const std::string shared = ".shared .align 4 .b8 s[64]; .local .align 4 .b8 l[8];\n";
  expect_in(report_of(shared + "st.shared.u32 [s+64], %r0;"),
            {"shared write of 4 bytes at 0x40 is out of bounds: the block has 64 bytes"});
  expect_in(report_of(shared + "st.shared.u32 [s+3], %r0;"), {"misaligned: 4 bytes at 0x3"});
  expect_in(report_of(shared + "ld.shared.u32 %r1, [s+4];"),
            {"reads shared memory that was never written at 0x4"});
  expect_in(report_of(shared + "st.local.u32 [l+8], %r0;"),
            {"local access of 4 bytes at 0x8 is out of bounds: the thread has 8 bytes"});
}

TEST(Faults, Races) {
  const std::string shared = ".shared .align 4 .b8 s[64];\n";
  expect_in(report_of(shared + "st.shared.u32 [s], %r0;", two_warps),
            {"thread (32,0,0)", "writes shared memory that another warp wrote"});
  expect_in(report_of(shared + "setp.lt.u32 %q, %r0, 32; @%q st.shared.u32 [s], %r0;\n"
                               "@!%q ld.shared.u32 %r1, [s];",
                      two_warps),
            {"reads shared memory that another warp wrote since the last barrier"});
  expect_in(report_of(shared + "setp.eq.u32 %q, %r0, 0; @%q st.shared.u32 [s], %r0; bar.sync 0;\n"
                               "setp.lt.u32 %q, %r0, 32; @!%q ld.shared.u32 %r1, [s];\n"
                               "@%q st.shared.u32 [s], %r0;",
                      two_warps),
            {"thread (0,0,0)", "writes shared memory that another warp read"});
  DeviceArray<float> from(32 * 32);
  DeviceArray<float> to(32 * 32);
  expect_in(report_of([&] { kernels::transpose_with_race(to.device(), from.device(), 32, 32); }),
            {"kernel transpose_kernel<false>, block (0,0,0)", "shared memory that"});
}

TEST(Faults, AsynchronousCopies) {
  const std::string begin =
      ".shared .align 16 .b8 s[16]; cp.async.ca.shared.global [s], [%p], 16;\n"
      "cp.async.commit_group;\n";
  expect_in(report_of(begin + "ld.shared.u32 %r1, [s];"), {"has not been waited for"});
  expect_in(report_of(begin + "cp.async.wait_group 1; ld.shared.u32 %r1, [s];"),
            {"has not been waited for"});
  EXPECT_EQ(report_of(begin + "cp.async.wait_group 0; ld.shared.u32 %r1, [s];"),
            "nothing was thrown");
}

TEST(Faults, Barriers) {
  expect_in(report_of("setp.lt.u32 %q, %r0, 32; @%q ret; bar.sync 0;", two_warps),
            {"thread (32,0,0)", "bar.sync 0", "divergent barrier"});
  expect_in(
      report_of("setp.lt.u32 %q, %r0, 32; @%q bra A; bar.sync 0; ret; A: bar.sync 0;", two_warps),
      {"divergent barrier 0: other threads wait for it at PTX line"});
  expect_in(report_of("bar.sync 16;"), {"barrier 16 does not exist"});
  EXPECT_EQ(report_of("setp.lt.u32 %q, %r0, 32; @%q bra A; bar.arrive 1, 64; ret;\n"
                      "A: bar.sync 1, 64;",
                      two_warps),
            "nothing was thrown");
}

TEST(Faults, LanesThatAreMissing) {
  const std::string shuffle = "shfl.sync.bfly.b32 %r1, %r0, 1, 31, ";
  expect_in(report_of("setp.eq.u32 %q, %r0, 5; @%q ret; " + shuffle + "-1;", one_warp),
            {"mask 0xffffffff names lane 5, which has exited"});
  expect_in(report_of(shuffle + "15;", one_warp),
            {"thread (4,0,0)", "the executing lane is not in its own mask 0xf"});
  expect_in(report_of("setp.lt.u32 %q, %r0, 16; @!%q bra A; shfl.sync.bfly.b32 %r1, %r0, 16, 31, "
                      "0xffff; A: ret;",
                      one_warp),
            {"reads lane 16, which does not take part"});
  expect_in(
      report_of("setp.lt.u32 %q, %r0, 16; @%q bra A; " + shuffle + "-1; ret; A: " + shuffle + "-1;",
                one_warp),
      {"divergent lanes"});
}

TEST(Faults, RegistersAndEndlessLoops) {
  expect_in(report_of("add.s32 %r1, %r2, %r3;"), {"reads a register that was never written"});
  expect_in(report_of("setp.eq.u32 %q, %r0, 0; @%q mov.u32 %r2, 1; add.s32 %r1, %r2, 1;", one_warp),
            {"thread (1,0,0)", "never written"});
  expect_in(report_of("trap;"), {"the kernel trapped"});
  const Settings before = settings();
  settings().instruction_budget = 1000;
  expect_in(report_of("A: bra A;"), {"more than 1000 warp instructions"});
  settings() = before;
}

TEST(Faults, Assertions) {
  DeviceArray<int> x({1, 2, -3, 4});
  expect_in(report_of([&] { kernels::assert_positive(x.device(), 4); }),
            {"thread (2,0,0)", "control.cu:", "assertion x[threadIdx.x] > 0 failed"});
}

TEST(Faults, NameTheKernelOfTheSource) {
  DeviceArray<float> y(10);
  expect_in(report_of([&] { kernels::fill(y.device(), 11, 1.0f); }),
            {"kernel fill_kernel, block (0,0,0), thread (10,0,0)", "st.global.f32",
             "0 bytes past the end of the allocation of 40 bytes"});
}

TEST(Launch, RefusesWhatAGpuRefuses) {
  DeviceArray<int> y(64);
  EXPECT_EQ(take_launch_error(), cudaSuccess);
  kernels::use_dynamic_shared(y.device(), 64, 64 * 1024);
  EXPECT_EQ(take_launch_error(), cudaErrorInvalidValue);
  expect_in(launch_refusal(), {"65536 bytes of dynamic shared memory", "allows 49152"});
  EXPECT_EQ(kernels::allow_dynamic_shared(64 * 1024), cudaSuccess);
  kernels::use_dynamic_shared(y.device(), 64, 64 * 1024);
  EXPECT_EQ(take_launch_error(), cudaSuccess);
  EXPECT_EQ(y[63], 63);
  EXPECT_EQ(kernels::allow_dynamic_shared(228 * 1024), cudaErrorInvalidValue);
  kernels::choose(y.device(), y.device(), 1025);
  EXPECT_EQ(take_launch_error(), cudaErrorInvalidConfiguration);
  expect_in(launch_refusal(), {"a block of 1025x1x1 threads"});
  EXPECT_EQ(kernels::occupancy_of_transpose(), 5);
}

TEST(Statistics, CountBytesAndSectors) {
  constexpr int n = 4096;
  DeviceArray<float> from(n);
  DeviceArray<float> to(8 * n);
  reset_statistics();
  kernels::copy_vectors(to.device(), from.device(), n);
  ASSERT_EQ(statistics().size(), 1u);
  const KernelStatistics copy = statistics().at("copy_vectors_kernel");
  EXPECT_EQ(copy.launches, 1u);
  EXPECT_EQ(copy.global_read_bytes, n * sizeof(float));
  EXPECT_EQ(copy.global_written_bytes, n * sizeof(float));
  EXPECT_EQ(copy.global_read_sectors * sector_bytes, n * sizeof(float));
  EXPECT_EQ(copy.global_written_sectors * sector_bytes, n * sizeof(float));
  // A branch whose guard is false for a lane does not count for it.
  EXPECT_LT(copy.thread_instructions, 32 * copy.warp_instructions);
  EXPECT_GT(copy.thread_instructions, 28 * copy.warp_instructions);
  reset_statistics();
  kernels::scatter(to.device(), from.device(), n, 8);
  const KernelStatistics scattered = statistics().at("scatter_kernel");
  EXPECT_EQ(scattered.global_written_bytes, n * sizeof(float));
  EXPECT_EQ(scattered.global_written_sectors, n);
  expect_in(statistics_table(), {"scatter_kernel", "131072"});
}

}  // namespace
}  // namespace tokenwerk::emulator
