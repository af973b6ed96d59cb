/// selp, slct, testp: choices and tests of single values.

#include <array>
#include <cmath>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/arithmetic.h"
#include "tests/emulator/ptx/lanes.h"

namespace tokenwerk::emulator::ptx {
namespace {

template <typename T>
void run_select(Warp& warp, const Instruction& in) {
  const T* a = warp.lanes<T>(in.from[0]);
  const T* b = warp.lanes<T>(in.from[1]);
  const std::uint32_t mask = warp.predicate(in.from[2]);
  each_lane(warp, warp.lanes<T>(in.to),
            [=](int lane) { return (mask >> lane & 1) != 0 ? a[lane] : b[lane]; });
}

void decode_selp(Decoding& d) {
  const Type type = d.take_type();
  d.expect_operands(4);
  d.out.run = for_width(d, type, [](auto t) { return run_select<decltype(t)>; });
  d.out.to = d.destination(0, type);
  d.out.from[0] = d.source(1, type);
  d.out.from[1] = d.source(2, type);
  d.out.from[2] = d.source(3, Type::pred);
}

template <typename T, typename Chooser>
void run_slct(Warp& warp, const Instruction& in) {
  const T* a = warp.lanes<T>(in.from[0]);
  const T* b = warp.lanes<T>(in.from[1]);
  const Chooser* c = warp.lanes<Chooser>(in.from[2]);
  each_lane(warp, warp.lanes<T>(in.to), [=](int lane) { return c[lane] >= 0 ? a[lane] : b[lane]; });
}

void decode_slct(Decoding& d) {
  d.ignore({"ftz"});
  const Type type = d.take_type();
  const Type chooser = d.take_type();
  if (chooser != Type::s32 && chooser != Type::f32) d.refuse("the type is not known here");
  d.expect_operands(4);
  d.out.run = chooser == Type::s32
                  ? for_width(d, type, [](auto t) { return run_slct<decltype(t), std::int32_t>; })
                  : for_width(d, type, [](auto t) { return run_slct<decltype(t), float>; });
  d.out.to = d.destination(0, type);
  d.out.from[0] = d.source(1, type);
  d.out.from[1] = d.source(2, type);
  d.out.from[2] = d.source(3, chooser);
}

template <typename T>
void run_testp(Warp& warp, const Instruction& in) {
  const T* a = warp.lanes<T>(in.from[0]);
  each_lane_predicate(warp, in.to, [&](int lane) {
    switch (in.value) {
      case 0: return std::isfinite(a[lane]);
      case 1: return std::isinf(a[lane]);
      case 2: return !std::isnan(a[lane]);
      case 3: return std::isnan(a[lane]);
      case 4: return std::isnormal(a[lane]) || a[lane] == 0;
      default: return std::fpclassify(a[lane]) == FP_SUBNORMAL;
    }
  });
}

void decode_testp(Decoding& d) {
  d.out.value =
      d.take_one_of({"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  if (d.out.value < 0) d.refuse("the test is not known");
  const Type type = d.take_type();
  if (type != Type::f32 && type != Type::f64) d.refuse("the type is not known here");
  d.expect_operands(2);
  d.out.run = type == Type::f32 ? run_testp<float> : run_testp<double>;
  d.out.to = d.destination(0, Type::pred);
  d.out.from[0] = d.source(1, type);
}

constexpr std::array<Opcode, 3> opcodes{
    {{"selp", decode_selp}, {"slct", decode_slct}, {"testp", decode_testp}}};

}  // namespace

std::span<const Opcode> selection_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
