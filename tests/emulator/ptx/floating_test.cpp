/// Floating-point instructions: rounding, NaN, infinities, subnormals.

#include <cmath>
#include <limits>

#include "tests/emulator/ptx/one_instruction.h"

namespace tokenwerk::emulator::ptx {
namespace {

constexpr std::uint64_t nan32 = 0x7fffffff;
constexpr std::uint64_t infinity32 = 0x7f800000;
constexpr std::uint64_t tiny32 = 1;  ///< the least subnormal
const std::uint64_t one = bits(1.0f);
const std::uint64_t above_one = one + 1;

TEST(Floating, RoundsInEveryDirection) {
  const std::uint64_t least = bits(0x1p-30f);
  check({}, {{"add.f32 %d, %a, %b;", one, least, 0, one},
             {"add.rn.f32 %d, %a, %b;", one, bits(0x1p-24f), 0, one},
             {"add.rn.f32 %d, %a, %b;", above_one, bits(0x1p-24f), 0, one + 2},
             {"add.rp.f32 %d, %a, %b;", one, least, 0, above_one},
             {"add.rm.f32 %d, %a, %b;", one, least, 0, one},
             {"add.rz.f32 %d, %a, %b;", bits(-1.0f), least, 0, bits(-1.0f) - 1},
             {"mul.rp.f32 %d, %a, %b;", above_one, above_one, 0, one + 3},
             {"mul.rz.f32 %d, %a, %b;", above_one, above_one, 0, one + 2},
             {"div.rn.f32 %d, %a, %b;", one, bits(3.0f), 0, bits(1.0f / 3)},
             {"div.rp.f32 %d, %a, %b;", one, bits(3.0f), 0, bits(1.0f / 3)},
             {"div.rm.f32 %d, %a, %b;", one, bits(3.0f), 0, bits(1.0f / 3) - 1},
             {"fma.rn.f32 %d, %a, %b, %c;", above_one, above_one, bits(-1.0f),
              bits(0x1p-22f + 0x1p-46f)},
             {"fma.rm.f32 %d, %a, %b, %c;", one, one, least, one},
             {"sqrt.rn.f32 %d, %a;", bits(2.0f), 0, 0, bits(std::sqrt(2.0f))},
             {"rcp.rn.f32 %d, %a;", bits(3.0f), 0, 0, bits(1.0f / 3)}});
  check({64, 64, 64, 64},
        {{"add.rp.f64 %d, %a, %b;", bits(1.0), bits(0x1p-80), 0, bits(1.0) + 1},
         {"fma.rn.f64 %d, %a, %b, %c;", bits(1.0) + 1, bits(1.0) + 1, bits(-1.0),
          bits(0x1p-51 + 0x1p-104)},
         {"div.rn.f64 %d, %a, %b;", bits(1.0), bits(3.0), 0, bits(1.0 / 3)},
         {"mul.rn.f64 %d, %a, %b;", bits(1e300), bits(1e300), 0, bits(HUGE_VAL)}});
}

TEST(Floating, NaNAndInfinity) {
  check({}, {{"add.f32 %d, %a, %b;", infinity32, infinity32 | 0x80000000, 0, nan32},
             {"mul.f32 %d, %a, %b;", 0, infinity32, 0, nan32},
             {"add.f32 %d, %a, %b;", 0x7fc12345, one, 0, nan32},
             {"div.rn.f32 %d, %a, %b;", one, 0, 0, infinity32},
             {"sqrt.rn.f32 %d, %a;", bits(-1.0f), 0, 0, nan32},
             {"min.f32 %d, %a, %b;", nan32, one, 0, one},
             {"max.f32 %d, %a, %b;", one, nan32, 0, one},
             {"min.NaN.f32 %d, %a, %b;", nan32, one, 0, nan32},
             {"min.f32 %d, %a, %b;", 0, 0x80000000, 0, 0x80000000},
             {"max.f32 %d, %a, %b;", 0x80000000, 0, 0, 0},
             {"neg.f32 %d, %a;", one, 0, 0, one | 0x80000000},
             {"abs.f32 %d, %a;", one | 0x80000000, 0, 0, one},
             {"copysign.f32 %d, %a, %b;", 0x80000000, one, 0, one | 0x80000000}});
}

TEST(Floating, FlushesAndSaturates) {
  check({}, {{"add.f32 %d, %a, %b;", tiny32, 0, 0, tiny32},
             {"add.ftz.f32 %d, %a, %b;", tiny32, 0, 0, 0},
             {"mul.ftz.f32 %d, %a, %b;", bits(0x1p-100f), bits(-0x1p-30f), 0, 0x80000000},
             {"add.sat.f32 %d, %a, %b;", one, one, 0, one},
             {"add.sat.f32 %d, %a, %b;", bits(-3.0f), one, 0, 0},
             {"fma.rn.sat.f32 %d, %a, %b, %c;", nan32, one, one, 0}});
}

TEST(Floating, ApproximationsAreRoundedOnce) {
  check({},
        {{"ex2.approx.f32 %d, %a;", bits(0.5f), 0, 0, bits(std::sqrt(2.0f))},
         {"ex2.approx.ftz.f32 %d, %a;", bits(-130.0f), 0, 0, 0},
         {"lg2.approx.f32 %d, %a;", bits(8.0f), 0, 0, bits(3.0f)},
         {"rsqrt.approx.f32 %d, %a;", bits(4.0f), 0, 0, bits(0.5f)},
         {"rcp.approx.ftz.f32 %d, %a;", bits(4.0f), 0, 0, bits(0.25f)},
         {"sin.approx.f32 %d, %a;", bits(1.0f), 0, 0, bits(static_cast<float>(std::sin(1.0)))},
         {"cos.approx.f32 %d, %a;", bits(1.0f), 0, 0, bits(static_cast<float>(std::cos(1.0)))},
         {"tanh.approx.f32 %d, %a;", bits(0.5f), 0, 0, bits(static_cast<float>(std::tanh(0.5)))},
         {"div.full.f32 %d, %a, %b;", one, bits(4.0f), 0, bits(0.25f)}});
}

TEST(Floating, NarrowFormats) {
  // f16: 0x3c00 is 1, 0x7bff the largest; bf16: 0x3f80 is 1.
  check({16, 16, 16, 16}, {{"add.f16 %d, %a, %b;", 0x3c00, 0x1000, 0, 0x3c00},
                           {"add.f16 %d, %a, %b;", 0x3c01, 0x1000, 0, 0x3c02},
                           {"mul.f16 %d, %a, %b;", 0x7bff, 0x4000, 0, 0x7c00},
                           {"fma.rn.f16 %d, %a, %b, %c;", 0x3c01, 0x3c01, 0xbc00, 0x1800},
                           {"fma.rn.f16 %d, %a, %b, %c;", 0x3c03, 0x3c03, 0xbc00, 0x1e02},
                           {"fma.rn.relu.f16 %d, %a, %b, %c;", 0x3c00, 0x3c00, 0xc000, 0},
                           {"min.f16 %d, %a, %b;", 0x7e00, 0x3c00, 0, 0x3c00},
                           {"neg.bf16 %d, %a;", 0x3f80, 0, 0, 0xbf80},
                           {"add.bf16 %d, %a, %b;", 0x3f80, 0x3b80, 0, 0x3f80},
                           {"add.bf16 %d, %a, %b;", 0x3f81, 0x3b80, 0, 0x3f82},
                           {"fma.rn.bf16 %d, %a, %b, %c;", 0x3f81, 0x3f81, 0xbf80, 0x3c80},
                           {"sub.bf16 %d, %a, %b;", 0x7f80, 0x7f80, 0, 0x7fff},
                           {"ex2.approx.ftz.bf16 %d, %a;", 0x4000, 0, 0, 0x4080}});
  check({}, {{"fma.rn.bf16x2 %d, %a, %b, %c;", 0x3f804000, 0x40003f80, 0x3f803f80, 0x40404040},
             {"mul.f16x2 %d, %a, %b;", 0x3c004000, 0x40004000, 0, 0x40004400},
             {"max.bf16x2 %d, %a, %b;", 0x3f80c000, 0x4000bf80, 0, 0x4000bf80},
             {"neg.f16x2 %d, %a;", 0x3c00bc00, 0, 0, 0xbc003c00},
             {"set.gt.f16x2.f16x2 %d, %a, %b;", 0x40003c00, 0x3c004000, 0, 0x3c000000}});
}

TEST(Comparison, OrdersAndCombines) {
  check({1, 32, 32, 32}, {{"setp.lt.s32 %d, %a, %b;", 0xffffffff, 1, 0, 1},
                          {"setp.lt.u32 %d, %a, %b;", 0xffffffff, 1, 0, 0},
                          {"setp.hi.u32 %d, %a, %b;", 0xffffffff, 1, 0, 1},
                          {"setp.eq.f32 %d, %a, %b;", nan32, nan32, 0, 0},
                          {"setp.ne.f32 %d, %a, %b;", nan32, one, 0, 0},
                          {"setp.neu.f32 %d, %a, %b;", nan32, one, 0, 1},
                          {"setp.geu.f32 %d, %a, %b;", nan32, one, 0, 1},
                          {"setp.num.f32 %d, %a, %b;", one, one, 0, 1},
                          {"setp.nan.f32 %d, %a, %b;", one, nan32, 0, 1},
                          {"setp.gt.ftz.f32 %d, %a, %b;", tiny32, 0, 0, 0},
                          {"testp.infinite.f32 %d, %a;", infinity32, 0, 0, 1},
                          {"testp.subnormal.f32 %d, %a;", tiny32, 0, 0, 1}});
  const std::string with = "{ .reg .pred %q; .reg .pred %r; setp.ne.s32 %q, %c, 0; ";
  const std::string conjunction = with + "setp.lt.and.s32 %d, %a, %b, %q; }";
  const std::string negated = with + "setp.lt.or.s32 %d, %a, %b, !%q; }";
  const std::string opposite = with + "setp.lt.s32 %r|%d, %a, %b; }";
  check({1, 32, 32, 32}, {{conjunction.c_str(), 1, 2, 0, 0},
                          {conjunction.c_str(), 1, 2, 1, 1},
                          {negated.c_str(), 2, 1, 0, 1},
                          {negated.c_str(), 2, 1, 1, 0},
                          {opposite.c_str(), 1, 2, 0, 0}});
  check({}, {{"set.lt.u32.s32 %d, %a, %b;", 1, 2, 0, 0xffffffff},
             {"set.lt.f32.f32 %d, %a, %b;", one, bits(2.0f), 0, one},
             {"slct.b32.s32 %d, %a, %b, %c;", 1, 2, 0xffffffff, 2},
             {"slct.b32.f32 %d, %a, %b, %c;", 1, 2, 0, 1}});
}

TEST(Conversion, BetweenIntegers) {
  check({}, {{"cvt.s32.s8 %d, %a;", 0x1ff, 0, 0, 0xffffffff},
             {"cvt.u32.u8 %d, %a;", 0x1ff, 0, 0, 0xff},
             {"cvt.sat.u8.s32 %d, %a;", 300, 0, 0, 255},
             {"cvt.sat.s8.s32 %d, %a;", 0xffffff00, 0, 0, 0xffffff80},
             {"cvt.sat.u32.s32 %d, %a;", 0xffffffff, 0, 0, 0}});
  check({64, 32, 32, 32}, {{"cvt.s64.s32 %d, %a;", 0xffffffff, 0, 0, ~0ull},
                           {"cvt.u64.u32 %d, %a;", 0xffffffff, 0, 0, 0xffffffff}});
}

TEST(Conversion, FromFloatingPoint) {
  check({}, {{"cvt.rzi.s32.f32 %d, %a;", bits(-2.9f), 0, 0, 0xfffffffe},
             {"cvt.rni.s32.f32 %d, %a;", bits(2.5f), 0, 0, 2},
             {"cvt.rpi.s32.f32 %d, %a;", bits(2.1f), 0, 0, 3},
             {"cvt.rmi.s32.f32 %d, %a;", bits(-2.1f), 0, 0, 0xfffffffd},
             {"cvt.rzi.s32.f32 %d, %a;", bits(1e20f), 0, 0, 0x7fffffff},
             {"cvt.rzi.u32.f32 %d, %a;", bits(-1.0f), 0, 0, 0},
             {"cvt.rzi.s32.f32 %d, %a;", nan32, 0, 0, 0},
             {"cvt.rni.f32.f32 %d, %a;", bits(3.5f), 0, 0, bits(4.0f)},
             {"cvt.sat.f32.f32 %d, %a;", bits(1.5f), 0, 0, one},
             {"cvt.rn.bf16x2.f32 %d, %a, %b;", one, bits(2.0f), 0, 0x3f804000},
             {"cvt.rn.relu.f16x2.f32 %d, %a, %b;", bits(-1.0f), bits(2.0f), 0, 0x00004000},
             {"cvt.rna.tf32.f32 %d, %a;", 0x3f801000, 0, 0, 0x3f802000}});
  check({16, 32, 32, 32},
        {{"cvt.rn.bf16.f32 %d, %a;", 0x3f808000, 0, 0, 0x3f80},
         {"cvt.rn.bf16.f32 %d, %a;", 0x3f818000, 0, 0, 0x3f82},
         {"cvt.rz.bf16.f32 %d, %a;", 0x3f81ffff, 0, 0, 0x3f81},
         {"cvt.rn.bf16.f32 %d, %a;", 0x7f7fffff, 0, 0, 0x7f80},
         {"cvt.rn.bf16.f32 %d, %a;", 0x7fc00000, 0, 0, 0x7fff},
         {"cvt.rn.f16.f32 %d, %a;", bits(65520.0f), 0, 0, 0x7c00},
         {"cvt.rn.f16.f32 %d, %a;", bits(0x1p-25f), 0, 0, 0},
         {"cvt.rn.f16.f32 %d, %a;", bits(0x1.8p-25f), 0, 0, 1},
         {"cvt.rz.f16.f32 %d, %a;", bits(65535.0f), 0, 0, 0x7bff},
         {"cvt.rn.satfinite.e4m3x2.f32 %d, %a, %b;", one, bits(1e9f), 0, 0x387e},
         {"cvt.rn.satfinite.e5m2x2.f32 %d, %a, %b;", one, bits(1e9f), 0, 0x3c7b}});
  check({32, 16, 16, 16}, {{"cvt.f32.bf16 %d, %a;", 0x3f80, 0, 0, one},
                           {"cvt.f32.f16 %d, %a;", 1, 0, 0, bits(0x1p-24f)},
                           {"cvt.f32.f16 %d, %a;", 0xfc00, 0, 0, infinity32 | 0x80000000},
                           {"cvt.rn.f16x2.e4m3x2 %d, %a;", 0x387e, 0, 0, 0x3c005f00}});
  check({64, 32, 32, 32}, {{"cvt.f64.f32 %d, %a;", bits(1.5f), 0, 0, bits(1.5)}});
  check({32, 64, 64, 64}, {{"cvt.rn.f32.f64 %d, %a;", bits(0.1), 0, 0, bits(0.1f)},
                           {"cvt.rp.f32.f64 %d, %a;", bits(1.0 + 1e-12), 0, 0, above_one},
                           {"cvt.rn.f32.s64 %d, %a;", ~0ull, 0, 0, bits(-1.0f)},
                           {"cvt.rn.f32.u64 %d, %a;", ~0ull, 0, 0, bits(0x1p64f)}});
}

}  // namespace
}  // namespace tokenwerk::emulator::ptx
