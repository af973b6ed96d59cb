/// Sums of several words: add.cc, addc, sub.cc, subc, mad.cc, madc. The carry is a predicate that
/// every function keeps in one more register.

#include <array>
#include <cstdint>
#include <type_traits>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/arithmetic.h"
#include "tests/emulator/ptx/lanes.h"

namespace tokenwerk::emulator::ptx {
namespace {

/// Bits of `Instruction::value`.
constexpr std::int64_t reads_carry = 1;
constexpr std::int64_t writes_carry = 2;
constexpr std::int64_t takes_high_half = 4;

template <typename T>
struct Sum {
  T value;
  bool carry;
};

template <typename T>
Sum<T> sum_of(T a, T b, bool carry) {
  const T partial = static_cast<T>(a + b);
  const T all = static_cast<T>(partial + carry);
  return {all, partial < a || all < partial};
}

template <typename T>
Sum<T> difference_of(T a, T b, bool borrow) {
  const T partial = static_cast<T>(a - b);
  return {static_cast<T>(partial - borrow), a < b || partial < static_cast<T>(borrow)};
}

/// Runs `function(lane, carry)` and keeps its carry. `second_to` is the carry's register, which is
/// `from[3]` too when it is read.
template <typename T, typename F>
void each_lane_with_carry(Warp& warp, const Instruction& in, F function) {
  std::uint32_t& carries = warp.predicate(in.second_to);
  T* to = warp.lanes<T>(in.to);
  std::uint32_t carries_out = carries;
  for (int lane = 0; lane < warp_size; ++lane) {
    if (!(warp.active() >> lane & 1)) continue;
    const bool carry_in = (in.value & reads_carry) != 0 && (carries >> lane & 1) != 0;
    const Sum<T> sum = function(lane, carry_in);
    to[lane] = sum.value;
    const std::uint32_t bit = 1u << lane;
    if ((in.value & writes_carry) != 0) carries_out = (carries_out & ~bit) | (sum.carry ? bit : 0);
  }
  carries = carries_out;
}

template <typename T>
void run_add(Warp& warp, const Instruction& in) {
  const T* a = warp.lanes<T>(in.from[0]);
  const T* b = warp.lanes<T>(in.from[1]);
  each_lane_with_carry<T>(warp, in,
                          [=](int lane, bool carry) { return sum_of(a[lane], b[lane], carry); });
}

template <typename T>
void run_subtract(Warp& warp, const Instruction& in) {
  const T* a = warp.lanes<T>(in.from[0]);
  const T* b = warp.lanes<T>(in.from[1]);
  each_lane_with_carry<T>(
      warp, in, [=](int lane, bool borrow) { return difference_of(a[lane], b[lane], borrow); });
}

template <typename T>
void run_multiply_add(Warp& warp, const Instruction& in) {
  using U = std::make_unsigned_t<T>;
  using Wide = std::conditional_t<std::is_signed_v<T>, Signed128, Unsigned128>;
  const T* a = warp.lanes<T>(in.from[0]);
  const T* b = warp.lanes<T>(in.from[1]);
  const U* c = warp.lanes<U>(in.from[2]);
  const unsigned shift = (in.value & takes_high_half) != 0 ? 8 * sizeof(T) : 0;
  each_lane_with_carry<U>(warp, in, [=](int lane, bool carry) {
    const Wide product = static_cast<Wide>(a[lane]) * b[lane];
    return sum_of(static_cast<U>(product >> shift), c[lane], carry);
  });
}

void decode_with_carry(Decoding& d, bool is_continued, Handler (*choose)(Decoding&, Type)) {
  const bool is_kept = d.take("cc");
  const Type type = d.take_type();
  if (size_of(type) < 4) d.refuse("carries are of 32 or 64 bits");
  d.out.value |= (is_continued ? reads_carry : 0) | (is_kept ? writes_carry : 0);
  d.out.run = choose(d, type);
  d.out.to = d.destination(0, type);
  d.out.from[0] = d.source(1, type);
  d.out.from[1] = d.source(2, type);
  d.out.second_to = d.carry();
  if (is_continued) d.out.from[3] = d.carry();
}

Handler choose_add(Decoding& d, Type type) {
  d.expect_operands(3);
  return size_of(type) == 8 ? run_add<std::uint64_t> : run_add<std::uint32_t>;
}

Handler choose_subtract(Decoding& d, Type type) {
  d.expect_operands(3);
  return size_of(type) == 8 ? run_subtract<std::uint64_t> : run_subtract<std::uint32_t>;
}

Handler choose_multiply_add(Decoding& d, Type type) {
  d.expect_operands(4);
  const int part = d.take_one_of({"lo", "hi"});
  if (part < 0) d.refuse("lo or hi is missing");
  if (part == 1) d.out.value |= takes_high_half;
  d.out.from[2] = d.source(3, type);
  return for_integer(d, type, [](auto t) { return run_multiply_add<decltype(t)>; });
}

void decode_addc(Decoding& d) { decode_with_carry(d, true, choose_add); }
void decode_subc(Decoding& d) { decode_with_carry(d, true, choose_subtract); }
void decode_madc(Decoding& d) { decode_with_carry(d, true, choose_multiply_add); }

constexpr std::array<Opcode, 3> opcodes{
    {{"addc", decode_addc}, {"subc", decode_subc}, {"madc", decode_madc}}};

bool decode_first(Decoding& d, Handler (*choose)(Decoding&, Type)) {
  if (!d.has("cc")) return false;
  decode_with_carry(d, false, choose);
  return true;
}

}  // namespace

bool decode_carry_add(Decoding& d) { return decode_first(d, choose_add); }
bool decode_carry_sub(Decoding& d) { return decode_first(d, choose_subtract); }
bool decode_carry_mad(Decoding& d) { return decode_first(d, choose_multiply_add); }

std::span<const Opcode> carry_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
