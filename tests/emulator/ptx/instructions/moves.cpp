/// mov in all its forms, and cvta.

#include <array>
#include <cstdint>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/arithmetic.h"
#include "tests/emulator/ptx/lanes.h"

namespace tokenwerk::emulator::ptx {
namespace {

template <typename T>
void run_move(Warp& warp, const Instruction& in) {
  const T* from = warp.lanes<T>(in.from[0]);
  each_lane(warp, warp.lanes<T>(in.to), [=](int lane) { return from[lane]; });
}

void run_move_predicate(Warp& warp, const Instruction& in) {
  const std::uint32_t from = warp.predicate(in.from[0]);
  std::uint32_t& to = warp.predicate(in.to);
  to = (to & ~warp.active()) | (from & warp.active());
}

/// The elements of the list, lowest first, become one value.
template <typename Whole, typename Part>
void run_pack(Warp& warp, const Instruction& in) {
  warp.require_list(in);
  each_lane(warp, warp.lanes<Whole>(in.to), [&](int lane) {
    Whole whole = 0;
    for (std::size_t i = 0; i < in.list.size(); ++i)
      whole |= static_cast<Whole>(static_cast<Whole>(warp.lanes<Part>(in.list[i])[lane])
                                  << (8 * sizeof(Part) * i));
    return whole;
  });
}

template <typename Whole, typename Part>
void run_unpack(Warp& warp, const Instruction& in) {
  const Whole* from = warp.lanes<Whole>(in.from[0]);
  for (std::size_t i = 0; i < in.list.size(); ++i) {
    each_lane(warp, warp.lanes<Part>(in.list[i]),
              [=](int lane) { return static_cast<Part>(from[lane] >> (8 * sizeof(Part) * i)); });
    warp.define(in.list[i]);
  }
}

template <bool packs>
Handler choose_vector(const Decoding& d, std::size_t whole, std::size_t part) {
  using U16 = std::uint16_t;
  using U32 = std::uint32_t;
  using U64 = std::uint64_t;
  if (whole == 4 && part == 2) return packs ? run_pack<U32, U16> : run_unpack<U32, U16>;
  if (whole == 8 && part == 4) return packs ? run_pack<U64, U32> : run_unpack<U64, U32>;
  if (whole == 8 && part == 2) return packs ? run_pack<U64, U16> : run_unpack<U64, U16>;
  d.refuse("these parts do not make the whole");
}

Type part_type(const Decoding& d, Type type, std::size_t count) {
  const std::size_t bytes = count == 0 ? 0 : size_of(type) / count;
  if (bytes == 4) return Type::b32;
  if (bytes == 2) return Type::b16;
  d.refuse("parts of this size are not known");
}

void decode_mov(Decoding& d) {
  const Type type = d.take_type();
  d.expect_operands(2);
  const bool unpacks = d.operand(0).kind == Operand::Kind::list;
  const bool packs = d.operand(1).kind == Operand::Kind::list;
  if (unpacks) {
    const Type part = part_type(d, type, d.operand(0).list.size());
    d.append_list(0, part, true);
    d.out.from[0] = d.source(1, type);
    d.out.run = choose_vector<false>(d, size_of(type), size_of(part));
    return;
  }
  d.out.to = d.destination(0, type);
  if (packs) {
    const Type part = part_type(d, type, d.operand(1).list.size());
    d.append_list(1, part, false);
    d.out.run = choose_vector<true>(d, size_of(type), size_of(part));
    return;
  }
  if (decode_clock(d, type)) return;
  d.out.from[0] = d.source(1, type);
  d.out.run = type == Type::pred ? run_move_predicate
                                 : for_width(d, type, [](auto t) { return run_move<decltype(t)>; });
}

/// Between an address in a space and a generic one: the distance is `value`.
template <typename T>
void run_shift_address(Warp& warp, const Instruction& in) {
  const T* from = warp.lanes<T>(in.from[0]);
  const auto distance = static_cast<T>(in.value);
  each_lane(warp, warp.lanes<T>(in.to),
            [=](int lane) { return static_cast<T>(from[lane] + distance); });
}

void decode_cvta(Decoding& d) {
  const bool leaves_generic = d.take("to");
  const int space = d.take_one_of({"global", "const", "shared", "shared::cta", "local", "param"});
  if (space < 0) d.refuse("the space is missing");
  const Type type = d.take_type();
  set_unary(d, type);
  if (size_of(type) != 8) d.refuse("addresses have 64 bits");
  constexpr std::array<std::uint64_t, 6> windows{
      0, 0, shared_window, shared_window, local_window, param_window};
  const auto window = static_cast<std::int64_t>(windows[static_cast<std::size_t>(space)]);
  d.out.value = leaves_generic ? -window : window;
  d.out.run = run_shift_address<std::uint64_t>;
}

constexpr std::array<Opcode, 2> opcodes{{{"mov", decode_mov}, {"cvta", decode_cvta}}};

}  // namespace

std::span<const Opcode> move_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
