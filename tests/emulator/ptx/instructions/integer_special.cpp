/// Rare integer instructions: products of 24 bits, sums of differences.

#include <array>
#include <cstdint>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/arithmetic.h"
#include "tests/emulator/ptx/lanes.h"

namespace tokenwerk::emulator::ptx {
namespace {

/// c + |a - b|
struct SumOfDifference {
  template <typename T>
  T operator()(T a, T b, T c) const {
    using U = std::make_unsigned_t<T>;
    const U difference = static_cast<U>(a < b ? static_cast<U>(b) - static_cast<U>(a)
                                              : static_cast<U>(a) - static_cast<U>(b));
    return static_cast<T>(static_cast<U>(c) + difference);
  }
};
/// The low 24 bits of both factors, which is exact in 64 bits.
template <typename T, int shift, bool adds>
void run_multiply_24(Warp& warp, const Instruction& in) {
  const T* a = warp.lanes<T>(in.from[0]);
  const T* b = warp.lanes<T>(in.from[1]);
  const T* c = warp.lanes<T>(in.from[2]);
  each_lane(warp, warp.lanes<std::uint32_t>(in.to), [=](int lane) {
    const auto low = [](T x) {
      return static_cast<Wider<T>>(static_cast<T>(static_cast<std::uint32_t>(x) << 8) >> 8);
    };
    const auto product = static_cast<std::uint32_t>((low(a[lane]) * low(b[lane])) >> shift);
    return adds ? product + static_cast<std::uint32_t>(c[lane]) : product;
  });
}

template <bool adds>
void decode_24(Decoding& d) {
  const bool high = d.take_one_of({"lo", "hi"}) == 1;
  const Type type = d.take_type();
  if (size_of(type) != 4) d.refuse("24-bit products are of 32 bits");
  adds ? set_ternary(d, type) : set_binary(d, type);
  if (!adds) d.out.from[2] = d.constant(0, 4);
  const bool with_sign = is_signed(type);
  d.out.run = high ? (with_sign ? run_multiply_24<std::int32_t, 16, adds>
                                : run_multiply_24<std::uint32_t, 16, adds>)
                   : (with_sign ? run_multiply_24<std::int32_t, 0, adds>
                                : run_multiply_24<std::uint32_t, 0, adds>);
}

void decode_sad(Decoding& d) {
  const Type type = d.take_type();
  d.expect_operands(4);
  d.out.run =
      for_integer(d, type, [](auto t) { return run_ternary<SumOfDifference, decltype(t)>; });
  set_ternary(d, type);
}

constexpr std::array<Opcode, 3> opcodes{
    {{"mul24", decode_24<false>}, {"mad24", decode_24<true>}, {"sad", decode_sad}}};

}  // namespace

std::span<const Opcode> rare_integer_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
