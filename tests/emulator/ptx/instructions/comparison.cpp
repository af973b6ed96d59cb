/// setp and set.

#include <array>
#include <cmath>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/arithmetic.h"
#include "tests/emulator/ptx/instructions/floating.h"
#include "tests/emulator/ptx/lanes.h"

namespace tokenwerk::emulator::ptx {
namespace {

enum class Relation : std::uint8_t { eq, ne, lt, le, gt, ge, num, nan };

/// A relation, and whether it holds too when an operand is NaN.
struct Comparison {
  Relation relation = Relation::eq;
  bool holds_for_nan = false;
};

Comparison take_comparison(Decoding& d) {
  const int found = d.take_one_of({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs",
                                   "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"});
  if (found < 0) d.refuse("the comparison is not known");
  if (found < 6) return {static_cast<Relation>(found), false};
  if (found < 10) return {static_cast<Relation>(found - 4), false};  // lo, ls, hi, hs
  if (found < 16) return {static_cast<Relation>(found - 10), true};
  return {static_cast<Relation>(found - 10), found == 17};
}

template <Relation relation, bool holds_for_nan, typename C>
bool compare(C a, C b) {
  if constexpr (std::is_floating_point_v<C>) {
    const bool is_nan = a != a || b != b;
    if constexpr (relation == Relation::num) return !is_nan;
    if constexpr (relation == Relation::nan) return is_nan;
    if constexpr (relation == Relation::ne) return holds_for_nan ? a != b : a < b || a > b;
    if (holds_for_nan && is_nan) return true;
  }
  if constexpr (relation == Relation::eq) return a == b;
  if constexpr (relation == Relation::ne) return a != b;
  if constexpr (relation == Relation::lt) return a < b;
  if constexpr (relation == Relation::le) return a <= b;
  if constexpr (relation == Relation::gt) return a > b;
  return a >= b;
}

template <typename T>
[[nodiscard]] auto comparable(T value, bool flushes) {
  if constexpr (std::is_integral_v<T>)
    return value;
  else
    return flushes ? flushed(widen(value)) : widen(value);
}

/// Calls `use` with a function that compares two values as the comparison says.
template <typename T, typename Use>
void with_comparison(const Comparison& comparison, bool flushes, Use use) {
  const auto with = [&]<Relation relation, bool unordered>() {
    if (flushes)
      use([](T a, T b) {
        return compare<relation, unordered>(comparable(a, true), comparable(b, true));
      });
    else
      use([](T a, T b) {
        return compare<relation, unordered>(comparable(a, false), comparable(b, false));
      });
  };
  const auto ordered_or_not = [&]<Relation relation>() {
    comparison.holds_for_nan ? with.template operator()<relation, true>()
                             : with.template operator()<relation, false>();
  };
  switch (comparison.relation) {
    case Relation::eq: return ordered_or_not.template operator()<Relation::eq>();
    case Relation::ne: return ordered_or_not.template operator()<Relation::ne>();
    case Relation::lt: return ordered_or_not.template operator()<Relation::lt>();
    case Relation::le: return ordered_or_not.template operator()<Relation::le>();
    case Relation::gt: return ordered_or_not.template operator()<Relation::gt>();
    case Relation::ge: return ordered_or_not.template operator()<Relation::ge>();
    case Relation::num: return ordered_or_not.template operator()<Relation::num>();
    case Relation::nan: return ordered_or_not.template operator()<Relation::nan>();
  }
}

/// What `Instruction::value` of a comparison holds.
struct Packed {
  Comparison comparison;
  bool flushes = false;
  int combination = -1;  ///< and, or, xor with a predicate; -1: none
  bool negates_predicate = false;
  std::uint32_t result = 0;  ///< of set, where the comparison holds

  [[nodiscard]] std::int64_t bits() const {
    return static_cast<std::int64_t>(comparison.relation) | (comparison.holds_for_nan ? 8 : 0) |
           (flushes ? 16 : 0) | (combination + 1) << 5 | (negates_predicate ? 128 : 0) |
           static_cast<std::int64_t>(result) << 8;
  }
  [[nodiscard]] static Packed from(std::int64_t bits) {
    return {{static_cast<Relation>(bits & 7), (bits & 8) != 0},
            (bits & 16) != 0,
            static_cast<int>(bits >> 5 & 3) - 1,
            (bits & 128) != 0,
            static_cast<std::uint32_t>(bits >> 8)};
  }
};

/// The lanes for which the comparison holds.
template <typename T>
std::uint32_t compare_lanes(Warp& warp, const Instruction& in, const Packed& packed) {
  const T* a = warp.lanes<T>(in.from[0]);
  const T* b = warp.lanes<T>(in.from[1]);
  std::uint32_t mask = 0;
  with_comparison<T>(packed.comparison, packed.flushes, [&](auto holds) {
    for (int lane = 0; lane < warp_size; ++lane)
      mask |= static_cast<std::uint32_t>(holds(a[lane], b[lane])) << lane;
  });
  return mask;
}

std::uint32_t combined(Warp& warp, const Instruction& in, const Packed& packed,
                       std::uint32_t mask) {
  if (packed.combination < 0) return mask;
  const std::uint32_t with =
      warp.predicate(in.from[2]) ^ (packed.negates_predicate ? all_lanes : 0);
  if (packed.combination == 0) return mask & with;
  return packed.combination == 1 ? mask | with : mask ^ with;
}

void set_predicate(Warp& warp, const Slot& to, std::uint32_t mask) {
  std::uint32_t& all = warp.predicate(to);
  all = (all & ~warp.active()) | (mask & warp.active());
}

/// With `p|q` q receives the opposite outcome, combined in the same way.
template <typename T>
void run_setp(Warp& warp, const Instruction& in) {
  const Packed packed = Packed::from(in.value);
  const std::uint32_t mask = compare_lanes<T>(warp, in, packed);
  const std::uint32_t opposite = combined(warp, in, packed, ~mask);
  set_predicate(warp, in.to, combined(warp, in, packed, mask));
  if (in.second_to.width == 1) set_predicate(warp, in.second_to, opposite);
}

template <typename T, typename R>
void run_set(Warp& warp, const Instruction& in) {
  const Packed packed = Packed::from(in.value);
  const std::uint32_t mask = combined(warp, in, packed, compare_lanes<T>(warp, in, packed));
  const auto yes = static_cast<R>(packed.result);
  each_lane(warp, warp.lanes<R>(in.to),
            [=](int lane) { return (mask >> lane & 1) != 0 ? yes : R{0}; });
}

/// Each half of a register by itself.
template <typename T>
void run_set_pair(Warp& warp, const Instruction& in) {
  const Packed packed = Packed::from(in.value);
  const Pair<T>* a = warp.lanes<Pair<T>>(in.from[0]);
  const Pair<T>* b = warp.lanes<Pair<T>>(in.from[1]);
  std::uint32_t* to = warp.lanes<std::uint32_t>(in.to);
  with_comparison<T>(packed.comparison, packed.flushes, [&](auto holds) {
    each_lane(warp, to, [&](int lane) {
      const std::uint32_t low = holds(a[lane].low, b[lane].low) ? packed.result : 0;
      const std::uint32_t high = holds(a[lane].high, b[lane].high) ? packed.result : 0;
      return low | high << 16;
    });
  });
}

/// The handler that `choose` makes for the type of the compared values.
template <typename Choose>
Handler for_compared(const Decoding& d, Type type, Choose choose) {
  switch (type) {
    case Type::f32: return choose(float{});
    case Type::f64: return choose(double{});
    case Type::f16: return choose(Half{});
    case Type::bf16: return choose(BFloat{});
    case Type::b16: return choose(std::uint16_t{});
    case Type::b32: return choose(std::uint32_t{});
    case Type::b64: return choose(std::uint64_t{});
    default: return for_integer(d, type, choose);
  }
}

/// The relation, .ftz, and the predicate to combine with, which is operand 3.
Packed take_packed(Decoding& d) {
  Packed packed;
  packed.combination = d.take_one_of({"and", "or", "xor"});
  packed.comparison = take_comparison(d);
  packed.flushes = d.take("ftz");
  d.expect_operands(packed.combination < 0 ? 3 : 4);
  if (packed.combination < 0) return packed;
  Operand predicate = d.operand(3);
  packed.negates_predicate = predicate.negated;
  predicate.negated = false;
  d.out.from[2] = d.source(predicate, Type::pred);
  return packed;
}

void decode_setp(Decoding& d) {
  const Packed packed = take_packed(d);
  const Type type = d.take_type();
  d.out.value = packed.bits();
  d.out.run = for_compared(d, type, [](auto t) { return run_setp<decltype(t)>; });
  d.out.to = d.destination(0, Type::pred);
  Operand second = d.operand(0);
  second.reg = second.second_reg;
  if (second.reg >= 0) d.out.second_to = d.destination(second, Type::pred);
  d.out.from[0] = d.source(1, type);
  d.out.from[1] = d.source(2, type);
}

/// What set writes where the comparison holds: 1.0, or all bits.
std::uint32_t result_of(const Decoding& d, Type type) {
  switch (type) {
    case Type::f32: return 0x3f800000;
    case Type::f16:
    case Type::f16x2: return 0x3c00;
    case Type::bf16:
    case Type::bf16x2: return 0x3f80;
    case Type::u32:
    case Type::s32: return ~0u;
    default: d.refuse("the type is not known here");
  }
}

void decode_set(Decoding& d) {
  Packed packed = take_packed(d);
  const Type to = d.take_type();
  const Type from = d.take_type();
  packed.result = result_of(d, to);
  d.out.value = packed.bits();
  const bool is_pair = from == Type::f16x2 || from == Type::bf16x2;
  if (is_pair) {
    if (to != from || packed.combination >= 0) d.refuse("this form of set is not known");
    d.out.run = from == Type::f16x2 ? run_set_pair<Half> : run_set_pair<BFloat>;
  } else if (size_of(to) == 2) {
    d.out.run = for_compared(d, from, [](auto t) { return run_set<decltype(t), std::uint16_t>; });
  } else {
    d.out.run = for_compared(d, from, [](auto t) { return run_set<decltype(t), std::uint32_t>; });
  }
  d.out.to = d.destination(0, to);
  d.out.from[0] = d.source(1, from);
  d.out.from[1] = d.source(2, from);
}

constexpr std::array<Opcode, 2> opcodes{{{"setp", decode_setp}, {"set", decode_set}}};

}  // namespace

std::span<const Opcode> comparison_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
