/// atom and red. Lanes take their turn in order, so that the same launch gives the same bits.

#include <array>
#include <bit>
#include <cstring>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/floating.h"
#include "tests/emulator/ptx/instructions/memory.h"
#include "tests/emulator/ptx/memory_access.h"

namespace tokenwerk::emulator::ptx {
namespace {

struct Add {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(a + b);
  }
};
struct Minimum {
  template <typename T>
  T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};
struct Maximum {
  template <typename T>
  T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};
struct And {
  template <typename T>
  T operator()(T a, T b) const {
    return a & b;
  }
};
struct Or {
  template <typename T>
  T operator()(T a, T b) const {
    return a | b;
  }
};
struct ExclusiveOr {
  template <typename T>
  T operator()(T a, T b) const {
    return a ^ b;
  }
};
struct Exchange {
  template <typename T>
  T operator()(T, T b) const {
    return b;
  }
};
/// Counts up to b and begins again.
struct Increment {
  template <typename T>
  T operator()(T a, T b) const {
    return a >= b ? T{0} : static_cast<T>(a + 1);
  }
};
struct Decrement {
  template <typename T>
  T operator()(T a, T b) const {
    return a == 0 || a > b ? b : static_cast<T>(a - 1);
  }
};
/// Floating-point sums round like the add instruction.
struct FloatAdd {
  template <typename T>
  T operator()(T a, T b) const {
    return compute<Add>(FloatMode{}, a, b);
  }
};
template <typename T>
T loaded(const std::byte* place) {
  T value;
  std::memcpy(&value, place, sizeof value);
  return value;
}

/// `Instruction::value` holds the offset of the address; `to` of a reduction is discarded.
template <typename Op, typename T>
void run_update(Warp& warp, const Instruction& in) {
  Places places;
  resolve(warp, in, Direction::update, places);
  const T* operands = warp.lanes<T>(in.from[1]);
  T* to = warp.lanes<T>(in.to);
  for (std::uint32_t rest = warp.active(); rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::size_t>(std::countr_zero(rest));
    const T old = loaded<T>(places[lane]);
    const T changed = Op{}(old, operands[lane]);
    std::memcpy(places[lane], &changed, sizeof changed);
    to[lane] = old;
  }
}

template <typename T>
void run_compare_and_swap(Warp& warp, const Instruction& in) {
  Places places;
  resolve(warp, in, Direction::update, places);
  const T* expected = warp.lanes<T>(in.from[1]);
  const T* wanted = warp.lanes<T>(in.from[2]);
  T* to = warp.lanes<T>(in.to);
  for (std::uint32_t rest = warp.active(); rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::size_t>(std::countr_zero(rest));
    const T old = loaded<T>(places[lane]);
    if (old == expected[lane]) std::memcpy(places[lane], wanted + lane, sizeof(T));
    to[lane] = old;
  }
}

template <typename Op>
Handler for_bits(const Decoding& d, Type type) {
  switch (size_of(type)) {
    case 4: return run_update<Op, std::uint32_t>;
    case 8: return run_update<Op, std::uint64_t>;
    default: d.refuse("the type is not known here");
  }
}

template <typename Op>
Handler for_ordered(const Decoding& d, Type type) {
  switch (type) {
    case Type::u32: return run_update<Op, std::uint32_t>;
    case Type::s32: return run_update<Op, std::int32_t>;
    case Type::u64: return run_update<Op, std::uint64_t>;
    case Type::s64: return run_update<Op, std::int64_t>;
    default: d.refuse("the type is not known here");
  }
}

Handler for_sum(const Decoding& d, Type type) {
  switch (type) {
    case Type::f32: return run_update<FloatAdd, float>;
    case Type::f64: return run_update<FloatAdd, double>;
    case Type::f16: return run_update<FloatAdd, Half>;
    case Type::bf16: return run_update<FloatAdd, BFloat>;
    case Type::f16x2: return run_update<FloatAdd, Pair<Half>>;
    case Type::bf16x2: return run_update<FloatAdd, Pair<BFloat>>;
    default: return for_bits<Add>(d, type);
  }
}

Handler for_exchange(const Decoding& d, Type type, bool compares) {
  switch (size_of(type)) {
    case 2:
      return compares ? run_compare_and_swap<std::uint16_t> : run_update<Exchange, std::uint16_t>;
    case 4:
      return compares ? run_compare_and_swap<std::uint32_t> : run_update<Exchange, std::uint32_t>;
    case 8:
      return compares ? run_compare_and_swap<std::uint64_t> : run_update<Exchange, std::uint64_t>;
    default: d.refuse("the type is not known here");
  }
}

enum Operation { add, exch, cas, min, max, bit_and, bit_or, bit_xor, inc, dec };

Handler choose(const Decoding& d, int operation, Type type) {
  switch (operation) {
    case add: return for_sum(d, type);
    case exch: return for_exchange(d, type, false);
    case cas: return for_exchange(d, type, true);
    case min: return for_ordered<Minimum>(d, type);
    case max: return for_ordered<Maximum>(d, type);
    case bit_and: return for_bits<And>(d, type);
    case bit_or: return for_bits<Or>(d, type);
    case bit_xor: return for_bits<ExclusiveOr>(d, type);
    case inc: return for_ordered<Increment>(d, type);
    case dec: return for_ordered<Decrement>(d, type);
    default: d.refuse("the operation is not known");
  }
}

/// `to, [address], operand` with `has_result`, else without `to`; cas has one operand more.
void decode_update(Decoding& d, bool has_result) {
  d.out.access = take_access(d);
  d.out.access.is_synchronizing = true;
  d.ignore({"noftz"});
  const int operation =
      d.take_one_of({"add", "exch", "cas", "min", "max", "and", "or", "xor", "inc", "dec"});
  const Type type = d.take_type();
  d.out.access.type = type;
  d.out.access.bytes = static_cast<std::uint8_t>(size_of(type));
  const std::size_t address = has_result ? 1 : 0;
  d.expect_operands(address + (operation == cas ? 3 : 2));
  d.set_address(address);
  d.out.to = d.destination(has_result ? d.operand(0) : Operand{}, type);
  d.out.from[1] = d.source(address + 1, type);
  if (operation == cas) d.out.from[2] = d.source(address + 2, type);
  d.out.run = choose(d, operation, type);
}

void decode_atom(Decoding& d) { decode_update(d, true); }
void decode_red(Decoding& d) { decode_update(d, false); }

constexpr std::array<Opcode, 2> opcodes{{{"atom", decode_atom}, {"red", decode_red}}};

}  // namespace

std::span<const Opcode> atomic_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
