/// Loads, stores and fences.

#include <array>
#include <bit>
#include <cstring>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/arithmetic.h"
#include "tests/emulator/ptx/instructions/memory.h"
#include "tests/emulator/ptx/lanes.h"
#include "tests/emulator/ptx/memory_access.h"

namespace tokenwerk::emulator::ptx {

Access take_access(Decoding& d) {
  Access access;
  d.ignore({"weak"});
  access.is_synchronizing =
      d.take_one_of({"volatile", "relaxed", "acquire", "release", "acq_rel"}) >= 0;
  d.ignore({"sys", "gpu", "cta", "cluster"});
  const int space = d.take_one_of({"global", "const", "shared", "shared::cta", "local", "param",
                                   "param::entry", "param::func"});
  constexpr std::array<Space, 8> spaces{Space::global, Space::constant, Space::shared,
                                        Space::shared, Space::local,    Space::param,
                                        Space::param,  Space::param};
  if (space >= 0) access.space = spaces[static_cast<std::size_t>(space)];
  d.ignore({"ca", "cg", "cs", "lu", "cv", "wb", "wt", "nc"});
  d.ignore({"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last",
            "L1::no_allocate", "L2::64B", "L2::128B", "L2::256B"});
  return access;
}

namespace {

template <typename M, typename R>
void load_element(Warp& warp, const Places& places, const Slot& to, std::size_t offset) {
  R* lanes = warp.lanes<R>(to);
  const auto load = [&](std::size_t lane) {
    M value;
    std::memcpy(&value, places[lane] + offset, sizeof value);
    lanes[lane] = static_cast<R>(value);
  };
  if (warp.active() == all_lanes) {
    for (std::size_t lane = 0; lane < warp_size; ++lane) load(lane);
    return;
  }
  for (std::uint32_t rest = warp.active(); rest != 0; rest &= rest - 1)
    load(static_cast<std::size_t>(std::countr_zero(rest)));
}

/// M: the type in memory, which is extended to the register.
template <typename M>
void run_load(Warp& warp, const Instruction& in) {
  Places places;
  resolve(warp, in, Direction::read, places);
  for (std::size_t i = 0; i < in.list.size(); ++i) {
    const Slot& to = in.list[i];
    const std::size_t offset = i * sizeof(M);
    switch (to.width) {
      case 2: load_element<M, std::uint16_t>(warp, places, to, offset); break;
      case 4: load_element<M, std::uint32_t>(warp, places, to, offset); break;
      default: load_element<M, std::uint64_t>(warp, places, to, offset);
    }
    warp.define(to);
  }
}

template <typename M, typename R>
void store_element(Warp& warp, const Places& places, const Slot& from, std::size_t offset) {
  const R* lanes = warp.lanes<R>(from);
  const auto store = [&](std::size_t lane) {
    const auto value = static_cast<M>(lanes[lane]);
    std::memcpy(places[lane] + offset, &value, sizeof value);
  };
  if (warp.active() == all_lanes) {
    for (std::size_t lane = 0; lane < warp_size; ++lane) store(lane);
    return;
  }
  for (std::uint32_t rest = warp.active(); rest != 0; rest &= rest - 1)
    store(static_cast<std::size_t>(std::countr_zero(rest)));
}

template <typename M>
void run_store(Warp& warp, const Instruction& in) {
  warp.require_list(in);
  Places places;
  resolve(warp, in, Direction::write, places);
  for (std::size_t i = 0; i < in.list.size(); ++i) {
    const Slot& from = in.list[i];
    const std::size_t offset = i * sizeof(M);
    switch (from.width) {
      case 2: store_element<M, std::uint16_t>(warp, places, from, offset); break;
      case 4: store_element<M, std::uint32_t>(warp, places, from, offset); break;
      default: store_element<M, std::uint64_t>(warp, places, from, offset);
    }
  }
}

/// A kernel parameter at a fixed place is the same for all lanes.
template <typename T>
void run_load_parameter(Warp& warp, const Instruction& in) {
  T value;
  std::memcpy(&value, warp.execution().parameters.data() + in.value, sizeof value);
  each_lane(warp, warp.lanes<T>(in.to), [=](int) { return value; });
}

/// The number of elements, by .v2, .v4 or .v8.
std::uint8_t take_count(Decoding& d) {
  constexpr std::array<std::uint8_t, 4> counts{1, 2, 4, 8};
  return counts[static_cast<std::size_t>(d.take_one_of({"v2", "v4", "v8"}) + 1)];
}

void take_memory_type(Decoding& d) {
  d.out.access.count = take_count(d);
  d.out.access.type = d.take_type();
  d.out.access.bytes = static_cast<std::uint8_t>(size_of(d.out.access.type));
  if (d.out.access.type == Type::pred) d.refuse("predicates have no place in memory");
}

/// Replaces the handler of a load whose address is known now and lies in the kernel's parameters.
void decode_fixed_parameter(Decoding& d) {
  const auto address = d.fixed_address(1);
  const Slot& to = d.out.list.front();
  if (d.out.access.space != Space::param || !address || *address >= call_parameters) return;
  if (d.out.list.size() != 1 || to.width != d.out.access.bytes) return;
  d.out.to = to;
  d.out.value = static_cast<std::int64_t>(*address);
  d.out.run =
      for_width(d, d.out.access.type, [](auto t) { return run_load_parameter<decltype(t)>; });
}

void decode_ld(Decoding& d) {
  d.out.access = take_access(d);
  take_memory_type(d);
  d.expect_operands(2);
  const Type type = d.out.access.type;
  d.append_list(0, type, true);
  if (d.out.list.size() != d.out.access.count)
    d.refuse("the number of registers is not that of .v");
  d.set_address(1);
  switch (d.out.access.bytes) {
    case 1: d.out.run = is_signed(type) ? run_load<std::int8_t> : run_load<std::uint8_t>; break;
    case 2: d.out.run = is_signed(type) ? run_load<std::int16_t> : run_load<std::uint16_t>; break;
    case 4: d.out.run = is_signed(type) ? run_load<std::int32_t> : run_load<std::uint32_t>; break;
    default: d.out.run = run_load<std::uint64_t>;
  }
  decode_fixed_parameter(d);
}

void decode_st(Decoding& d) {
  d.out.access = take_access(d);
  take_memory_type(d);
  d.expect_operands(2);
  d.append_list(1, d.out.access.type, false);
  if (d.out.list.size() != d.out.access.count)
    d.refuse("the number of registers is not that of .v");
  d.set_address(0);
  switch (d.out.access.bytes) {
    case 1: d.out.run = run_store<std::uint8_t>; break;
    case 2: d.out.run = run_store<std::uint16_t>; break;
    case 4: d.out.run = run_store<std::uint32_t>; break;
    default: d.out.run = run_store<std::uint64_t>;
  }
}

void run_nothing(Warp&, const Instruction&) {}

/// Blocks and warps run one after the other, so every fence is kept by itself.
void decode_fence(Decoding& d) {
  d.ignore({"cta", "gl", "gpu", "sys", "cluster"});
  d.ignore({"sc", "acq_rel", "acquire", "release"});
  d.expect_operands(0);
  d.out.run = run_nothing;
}

/// Hints: nothing to do, and their addresses may be anywhere.
void decode_prefetch(Decoding& d) {
  d.ignore({"global", "local", "L1", "L2", "L2::evict_last", "L2::evict_normal"});
  d.expect_operands(1);
  d.out.run = run_nothing;
}

constexpr std::array<Opcode, 6> opcodes{{{"ld", decode_ld},
                                         {"ldu", decode_ld},
                                         {"st", decode_st},
                                         {"membar", decode_fence},
                                         {"fence", decode_fence},
                                         {"prefetch", decode_prefetch}}};

}  // namespace

std::span<const Opcode> memory_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
