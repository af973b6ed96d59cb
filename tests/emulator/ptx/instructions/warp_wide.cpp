/// Instructions by which the lanes of a warp exchange values. All of them wait until the lanes of
/// their mask, `from[3]`, are there.

#include <fmt/core.h>

#include <array>
#include <bit>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/lanes.h"

namespace tokenwerk::emulator::ptx {
namespace {

enum class Shuffle : std::uint8_t { up, down, butterfly, index };

/// The lane that `lane` reads, and whether it is within the segment that `clamp` describes.
struct Peer {
  int lane = 0;
  bool is_inside = false;
};

Peer peer_of(Shuffle mode, int lane, std::uint32_t operand, std::uint32_t clamp) {
  const int by = static_cast<int>(operand & 31);
  const int segment = static_cast<int>(clamp >> 8 & 31);
  const int bound = (lane & segment) | (static_cast<int>(clamp & 31) & ~segment);
  switch (mode) {
    case Shuffle::up: return {lane - by, lane - by >= bound};
    case Shuffle::down: return {lane + by, lane + by <= bound};
    case Shuffle::butterfly: return {lane ^ by, (lane ^ by) <= bound};
    default: {
      const int at = (lane & segment) | (by & ~segment);
      return {at, at <= bound};
    }
  }
}

/// `to[|inside], value, lane, clamp, mask`
void run_shuffle(Warp& warp, const Instruction& in) {
  const std::uint32_t* values = warp.lanes<std::uint32_t>(in.from[0]);
  const std::uint32_t* operands = warp.lanes<std::uint32_t>(in.from[1]);
  const std::uint32_t* clamps = warp.lanes<std::uint32_t>(in.from[2]);
  const std::uint32_t* masks = warp.lanes<std::uint32_t>(in.from[3]);
  std::array<std::uint32_t, warp_size> result{};
  std::uint32_t inside = 0;
  for (std::uint32_t rest = warp.active(); rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const Peer peer = peer_of(static_cast<Shuffle>(in.value), lane, operands[lane], clamps[lane]);
    const int from = peer.is_inside ? peer.lane : lane;
    if ((masks[lane] & warp.active() & (1u << from)) == 0)
      warp.fault(in, lane, fmt::format("reads lane {}, which does not take part", from));
    inside |= static_cast<std::uint32_t>(peer.is_inside) << lane;
    result[static_cast<std::size_t>(lane)] = values[from];
  }
  each_lane(warp, warp.lanes<std::uint32_t>(in.to),
            [&](int lane) { return result[static_cast<std::size_t>(lane)]; });
  if (in.second_to.width != 1) return;
  std::uint32_t& all = warp.predicate(in.second_to);
  all = (all & ~warp.active()) | inside;
}

/// Where all lanes of the mask have to come first.
void set_mask(Decoding& d, std::size_t i) {
  d.out.from[3] = d.source(i, Type::b32);
  d.out.flow = Flow::meet_lanes;
}

/// q of `p|q`.
void set_second_predicate(Decoding& d) {
  Operand second = d.operand(0);
  second.reg = second.second_reg;
  if (second.reg >= 0) d.out.second_to = d.destination(second, Type::pred);
}

void decode_shfl(Decoding& d) {
  if (!d.take("sync")) d.refuse("only shfl.sync is known");
  d.out.value = d.take_one_of({"up", "down", "bfly", "idx"});
  if (d.out.value < 0) d.refuse("the mode is missing");
  const Type type = d.take_type();
  d.expect_operands(5);
  d.out.to = d.destination(0, type);
  set_second_predicate(d);
  for (std::size_t i = 0; i < 3; ++i) d.out.from[i] = d.source(i + 1, Type::b32);
  set_mask(d, 4);
  d.out.run = run_shuffle;
}

/// Calls `outcome(lane, mates)` for each active lane, mates being the lanes of its mask.
template <typename F>
void for_each_mask(Warp& warp, const Instruction& in, F outcome) {
  const std::uint32_t* masks = warp.lanes<std::uint32_t>(in.from[3]);
  for (std::uint32_t rest = warp.active(); rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    outcome(lane, masks[lane] & warp.active());
  }
}

void write_predicate(Warp& warp, const Slot& to, std::uint32_t mask) {
  std::uint32_t& all = warp.predicate(to);
  all = (all & ~warp.active()) | (mask & warp.active());
}

enum class Vote : std::uint8_t { all, any, uniform, ballot };

void run_vote(Warp& warp, const Instruction& in) {
  const bool negates = (in.value & 4) != 0;
  const std::uint32_t votes = warp.predicate(in.from[0]) ^ (negates ? all_lanes : 0);
  std::uint32_t holds = 0;
  for_each_mask(warp, in, [&](int lane, std::uint32_t mates) {
    const std::uint32_t yes = votes & mates;
    const auto vote = static_cast<Vote>(in.value & 3);
    if (vote == Vote::ballot) warp.lanes<std::uint32_t>(in.to)[lane] = yes;
    const bool is_true = vote == Vote::all   ? yes == mates
                         : vote == Vote::any ? yes != 0
                                             : yes == mates || yes == 0;
    holds |= static_cast<std::uint32_t>(is_true) << lane;
  });
  if (in.to.width == 1) write_predicate(warp, in.to, holds);
}

void decode_vote(Decoding& d) {
  if (!d.take("sync")) d.refuse("only vote.sync is known");
  d.out.value = d.take_one_of({"all", "any", "uni", "ballot"});
  if (d.out.value < 0) d.refuse("the mode is missing");
  const Type type = d.take_type();
  d.expect_operands(3);
  d.out.to = d.destination(0, type);
  Operand predicate = d.operand(1);
  if (predicate.negated) d.out.value |= 4;
  predicate.negated = false;
  d.out.from[0] = d.source(predicate, Type::pred);
  set_mask(d, 2);
  d.out.run = run_vote;
}

void run_activemask(Warp& warp, const Instruction& in) {
  const std::uint32_t active = warp.active();
  each_lane(warp, warp.lanes<std::uint32_t>(in.to), [=](int) { return active; });
}

void decode_activemask(Decoding& d) {
  d.expect_operands(1);
  d.out.to = d.destination(0, d.take_type());
  d.out.run = run_activemask;
}

/// any: the mates with the same value. all: all mates if they all have it, and a predicate.
template <typename T>
void run_match(Warp& warp, const Instruction& in) {
  const T* values = warp.lanes<T>(in.from[0]);
  std::array<std::uint32_t, warp_size> result{};
  std::uint32_t agree = 0;
  for_each_mask(warp, in, [&](int lane, std::uint32_t mates) {
    std::uint32_t same = 0;
    for (int other = 0; other < warp_size; ++other)
      if ((mates >> other & 1) != 0 && values[other] == values[lane]) same |= 1u << other;
    if (same == mates) agree |= 1u << lane;
    const bool wants_all = in.value == 1;
    result[static_cast<std::size_t>(lane)] = wants_all && same != mates ? 0 : same;
  });
  each_lane(warp, warp.lanes<std::uint32_t>(in.to),
            [&](int lane) { return result[static_cast<std::size_t>(lane)]; });
  if (in.second_to.width == 1) write_predicate(warp, in.second_to, agree);
}

void decode_match(Decoding& d) {
  d.out.value = d.take_one_of({"any", "all"});
  if (!d.take("sync") || d.out.value < 0) d.refuse("the form of match is not known");
  const Type type = d.take_type();
  d.expect_operands(3);
  d.out.to = d.destination(0, Type::b32);
  set_second_predicate(d);
  d.out.from[0] = d.source(1, type);
  set_mask(d, 2);
  d.out.run = size_of(type) == 8 ? run_match<std::uint64_t> : run_match<std::uint32_t>;
}

enum class Reduction : std::uint8_t { add, min, max, bit_and, bit_or, bit_xor };

template <typename T>
T reduced(Reduction operation, T a, T b) {
  switch (operation) {
    case Reduction::add:
      return static_cast<T>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
    case Reduction::min: return b < a ? b : a;
    case Reduction::max: return a < b ? b : a;
    case Reduction::bit_and: return a & b;
    case Reduction::bit_or: return a | b;
    default: return a ^ b;
  }
}

template <typename T>
void run_redux(Warp& warp, const Instruction& in) {
  const T* values = warp.lanes<T>(in.from[0]);
  std::array<T, warp_size> result{};
  for_each_mask(warp, in, [&](int lane, std::uint32_t mates) {
    T all = values[std::countr_zero(mates)];
    for (std::uint32_t rest = mates & (mates - 1); rest != 0; rest &= rest - 1)
      all = reduced(static_cast<Reduction>(in.value), all, values[std::countr_zero(rest)]);
    result[static_cast<std::size_t>(lane)] = all;
  });
  each_lane(warp, warp.lanes<T>(in.to),
            [&](int lane) { return result[static_cast<std::size_t>(lane)]; });
}

void decode_redux(Decoding& d) {
  if (!d.take("sync")) d.refuse("only redux.sync is known");
  d.out.value = d.take_one_of({"add", "min", "max", "and", "or", "xor"});
  if (d.out.value < 0) d.refuse("the operation is not known");
  const Type type = d.take_type();
  if (is_float(type) || size_of(type) != 4) d.refuse("the type is not known here");
  d.expect_operands(3);
  d.out.to = d.destination(0, type);
  d.out.from[0] = d.source(1, type);
  set_mask(d, 2);
  d.out.run = is_signed(type) ? run_redux<std::int32_t> : run_redux<std::uint32_t>;
}

constexpr std::array<Opcode, 5> opcodes{{{"shfl", decode_shfl},
                                         {"vote", decode_vote},
                                         {"activemask", decode_activemask},
                                         {"match", decode_match},
                                         {"redux", decode_redux}}};

}  // namespace

std::span<const Opcode> warp_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
