/// Integer instructions at the edges of their ranges.

#include "tests/emulator/ptx/one_instruction.h"

namespace tokenwerk::emulator::ptx {
namespace {

constexpr std::uint64_t minus_one = 0xffffffff;
constexpr std::uint64_t lowest = 0x80000000;

TEST(Integer, SumsAndProductsWrap) {
  check({}, {{"add.s32 %d, %a, %b;", minus_one, 2, 0, 1},
             {"sub.u32 %d, %a, %b;", 1, 2, 0, minus_one},
             {"mul.lo.s32 %d, %a, %b;", lowest, minus_one, 0, lowest},
             {"mul.hi.s32 %d, %a, %b;", lowest, lowest, 0, 0x40000000},
             {"mul.hi.u32 %d, %a, %b;", minus_one, minus_one, 0, 0xfffffffe},
             {"mad.lo.s32 %d, %a, %b, %c;", 7, 6, minus_one, 41},
             {"mad.hi.s32 %d, %a, %b, %c;", minus_one, 2, 5, 4},
             {"mul24.lo.s32 %d, %a, %b;", 0xff000002, 3, 0, 6},
             {"mul24.lo.u32 %d, %a, %b;", 0x01ffffff, 2, 0, 0x01fffffe},
             {"mul24.hi.u32 %d, %a, %b;", 0xffffff, 0xffffff, 0, 0xfffffe00},
             {"mad24.lo.s32 %d, %a, %b, %c;", 0xffffff, 3, 10, 7},
             {"neg.s32 %d, %a;", lowest, 0, 0, lowest},
             {"abs.s32 %d, %a;", lowest, 0, 0, lowest},
             {"abs.s32 %d, %a;", minus_one, 0, 0, 1},
             {"sad.s32 %d, %a, %b, %c;", minus_one, 3, 10, 14},
             {"sad.u32 %d, %a, %b, %c;", 1, 3, 10, 12},
             {"add.u16x2 %d, %a, %b;", 0x0001ffff, 0x00010001, 0, 0x00020000},
             {"max.s16x2 %d, %a, %b;", 0x0001ffff, 0xffff0000, 0, 0x00010000}});
  check({64, 32, 32, 64}, {{"mul.wide.s32 %d, %a, %b;", minus_one, 2, 0, ~0ull - 1},
                           {"mul.wide.u32 %d, %a, %b;", minus_one, 2, 0, 0x1fffffffe},
                           {"mad.wide.s32 %d, %a, %b, %c;", minus_one, 2, 5, 3}});
  check({64, 64, 64, 64}, {{"mul.hi.s64 %d, %a, %b;", ~0ull, 2, 0, ~0ull},
                           {"mul.hi.u64 %d, %a, %b;", ~0ull, ~0ull, 0, ~0ull - 1},
                           {"mad.lo.s64 %d, %a, %b, %c;", 1ull << 63, 3, 1, (1ull << 63) + 1},
                           {"min.s64 %d, %a, %b;", ~0ull, 3, 0, ~0ull},
                           {"max.u64 %d, %a, %b;", ~0ull, 3, 0, ~0ull}});
  check({16, 16, 16, 16}, {{"add.s16 %d, %a, %b;", 0xffff, 3, 0, 2},
                           {"mul.lo.u16 %d, %a, %b;", 0xffff, 0xffff, 0, 1},
                           {"min.s16 %d, %a, %b;", 0x8000, 1, 0, 0x8000},
                           {"max.u16 %d, %a, %b;", 0x8000, 1, 0, 0x8000}});
}

TEST(Integer, DivisionRoundsToZero) {
  check({}, {{"div.s32 %d, %a, %b;", minus_one - 6, 2, 0, minus_one - 2},
             {"rem.s32 %d, %a, %b;", minus_one - 6, 2, 0, minus_one},
             {"div.s32 %d, %a, %b;", lowest, minus_one, 0, lowest},
             {"rem.s32 %d, %a, %b;", lowest, minus_one, 0, 0},
             {"div.u32 %d, %a, %b;", minus_one, 2, 0, 0x7fffffff},
             {"div.u32 %d, %a, %b;", 5, 0, 0, minus_one},
             {"rem.u32 %d, %a, %b;", 5, 0, 0, 5}});
  check({64, 64, 64, 64}, {{"div.s64 %d, %a, %b;", 1ull << 63, ~0ull, 0, 1ull << 63},
                           {"rem.u64 %d, %a, %b;", ~0ull, 10, 0, 5}});
}

TEST(Integer, CarriesGoOn) {
  check({}, {{"{ .reg .b32 %t; add.cc.u32 %t, %a, %b; addc.u32 %d, %c, 0; }", minus_one, 1, 7, 8},
             {"{ .reg .b32 %t; add.cc.u32 %t, %a, %b; addc.u32 %d, %c, 0; }", 5, 1, 7, 7},
             {"{ .reg .b32 %t; sub.cc.u32 %t, %a, %b; subc.u32 %d, %c, 0; }", 0, 1, 7, 6},
             {"{ .reg .b32 %t; add.cc.u32 %t, %a, %b; addc.cc.u32 %t, %c, 0; addc.u32 %d, 0, 0; }",
              minus_one, 1, minus_one, 1},
             {"{ .reg .b32 %t; mad.lo.cc.u32 %t, %a, %b, %c; madc.hi.u32 %d, %a, %b, 0; }",
              minus_one, minus_one, minus_one, minus_one}});
}

TEST(Bits, ShiftsBeyondTheWidthClamp) {
  check({}, {{"shl.b32 %d, %a, %b;", 3, 31, 0, lowest},
             {"shl.b32 %d, %a, %b;", 3, 32, 0, 0},
             {"shl.b32 %d, %a, %b;", 3, minus_one, 0, 0},
             {"shr.u32 %d, %a, %b;", lowest, 40, 0, 0},
             {"shr.s32 %d, %a, %b;", lowest, 40, 0, minus_one},
             {"shr.b32 %d, %a, %b;", lowest, 31, 0, 1},
             {"shf.l.wrap.b32 %d, %a, %b, %c;", 0x80000001, 0x40000000, 33, 0x80000001},
             {"shf.l.clamp.b32 %d, %a, %b, %c;", 5, 6, 33, 5},
             {"shf.r.wrap.b32 %d, %a, %b, %c;", 4, 3, 2, 0xc0000001},
             {"shf.r.clamp.b32 %d, %a, %b, %c;", 4, 3, 32, 3}});
  check({64, 64, 32, 32}, {{"shl.b64 %d, %a, %b;", 3, 63, 0, 1ull << 63},
                           {"shl.b64 %d, %a, %b;", 3, 64, 0, 0},
                           {"shr.s64 %d, %a, %b;", 1ull << 63, 99, 0, ~0ull}});
}

TEST(Bits, Logic) {
  check({}, {{"and.b32 %d, %a, %b;", 0xff00ff00, 0x0ff00ff0, 0, 0x0f000f00},
             {"or.b32 %d, %a, %b;", 0xff00ff00, 0x0ff00ff0, 0, 0xfff0fff0},
             {"xor.b32 %d, %a, %b;", 0xff00ff00, 0x0ff00ff0, 0, 0xf0f0f0f0},
             {"not.b32 %d, %a;", 0xff00ff00, 0, 0, 0x00ff00ff},
             {"lop3.b32 %d, %a, %b, %c, 0x96;", 0xf0, 0xcc, 0xaa, 0x96},
             {"lop3.b32 %d, %a, %b, %c, 0xe8;", 0xf0, 0xcc, 0xaa, 0xe8},
             {"prmt.b32 %d, %a, %b, %c;", 0x33221100, 0x77665544, 0x7520, 0x77552200},
             {"prmt.b32 %d, %a, %b, %c;", 0x80, 0x7f00, 0xd8d8, 0x00ff00ff}});
}

TEST(Bits, FieldsAndCounts) {
  check({}, {{"bfe.u32 %d, %a, %b, %c;", 0xabcd1234, 8, 12, 0xd12},
             {"bfe.s32 %d, %a, %b, %c;", 0xabcd1234, 8, 12, 0xfffffd12},
             {"bfe.s32 %d, %a, %b, %c;", lowest, 28, 8, 0xfffffff8},
             {"bfe.u32 %d, %a, %b, %c;", minus_one, 4, 0, 0},
             {"bfe.u32 %d, %a, %b, %c;", minus_one, 40, 4, 0},
             {"bfi.b32 %d, %a, %b, 4, %c;", 0xff, 0, 4, 0xf0},
             {"bfi.b32 %d, %a, %b, 40, %c;", 0xff, 3, 4, 3},
             {"popc.b32 %d, %a;", 0xf0f0, 0, 0, 8},
             {"clz.b32 %d, %a;", 0, 0, 0, 32},
             {"clz.b32 %d, %a;", 1, 0, 0, 31},
             {"brev.b32 %d, %a;", 6, 0, 0, 0x60000000},
             {"bfind.u32 %d, %a;", 0, 0, 0, minus_one},
             {"bfind.u32 %d, %a;", 0x900, 0, 0, 11},
             {"bfind.s32 %d, %a;", minus_one, 0, 0, minus_one},
             {"bfind.s32 %d, %a;", 0xfffffff0, 0, 0, 3},
             {"bfind.shiftamt.u32 %d, %a;", 0x900, 0, 0, 20},
             {"fns.b32 %d, %a, %b, %c;", 0xf0, 0, 2, 5},
             {"fns.b32 %d, %a, %b, %c;", 0xf0, 6, minus_one, 6},
             {"fns.b32 %d, %a, %b, %c;", 0xf0, 3, 0, minus_one},
             {"dp4a.s32.s32 %d, %a, %b, %c;", 0xff020304, 0x02010101, 10, 17},
             {"dp4a.u32.u32 %d, %a, %b, %c;", 0xff020304, 0x02010101, 10, 529}});
  check({32, 64, 32, 32}, {{"popc.b64 %d, %a;", ~0ull, 0, 0, 64},
                           {"clz.b64 %d, %a;", 1, 0, 0, 63},
                           {"bfind.u64 %d, %a;", 1ull << 40, 0, 0, 40}});
}

TEST(Moves, PackAndUnpack) {
  check({32, 16, 16, 16}, {{"mov.b32 %d, {%a, %b};", 0x1111, 0x2222, 0, 0x22221111}});
  check({64, 32, 32, 32}, {{"mov.b64 %d, {%a, %b};", 1, 2, 0, 0x200000001}});
  check({16, 32, 32, 32}, {{"{ .reg .b16 %l; mov.b32 {%l, %d}, %a; }", 0x22221111, 0, 0, 0x2222},
                           {"mov.b32 {%d, _}, %a;", 0x22221111, 0, 0, 0x1111}});
  check({}, {{"mov.u32 %d, %laneid;", 0, 0, 0, 0},
             {"mov.u32 %d, %ntid.x;", 0, 0, 0, 1},
             {"mov.u32 %d, WARP_SZ;", 0, 0, 0, 32},
             {"mov.u32 %d, %lanemask_ge;", 0, 0, 0, minus_one},
             {"mov.b32 %d, 0f3F800000;", 0, 0, 0, 0x3f800000},
             {"mov.b32 %d, -5;", 0, 0, 0, minus_one - 4}});
}

}  // namespace
}  // namespace tokenwerk::emulator::ptx
