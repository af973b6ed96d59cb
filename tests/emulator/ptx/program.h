#pragma once
/// A kernel ready to run: calls inlined, names resolved, one function pointer an instruction.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/emulator/ptx/syntax.h"
#include "tests/emulator/ptx/types.h"

namespace tokenwerk::emulator::ptx {

inline constexpr int warp_size = 32;
inline constexpr std::uint32_t all_lanes = ~0u;

class Warp;
struct Instruction;

/// Executes one instruction for the lanes in `warp.active()`.
using Handler = void (*)(Warp& warp, const Instruction& instruction);

/// Where the values of one register lie in a warp's register file: 32 values of `width` bytes side
/// by side, or one mask of 32 bits for a predicate (width 1). Constants have slots too, so that no
/// handler needs to know what kind of operand it reads.
struct Slot {
  std::uint32_t offset = 0;
  std::uint32_t index = 0;  ///< of the mask that tells which lanes have written it
  std::uint32_t width = 0;
};

inline constexpr std::uint32_t always_defined = 0;  ///< index of constants and of absent sources
inline constexpr std::uint32_t discarded = 1;       ///< index of absent destinations

/// What an instruction does to the order of execution.
enum class Flow : std::uint8_t { next, branch, branch_table, exit, meet_lanes, barrier };

enum class BarrierKind : std::uint8_t { sync, arrive, count, all, any };

/// What a memory instruction moves for each lane.
struct Access {
  Space space = Space::generic;
  Type type = Type::none;
  std::uint8_t bytes = 0;         ///< of one element
  std::uint8_t count = 1;         ///< elements; `bytes * count` is the alignment
  bool is_synchronizing = false;  ///< volatile, relaxed, acquire, release: no race
};

struct Instruction {
  Handler run = nullptr;
  Flow flow = Flow::next;
  bool has_guard = false;
  bool guard_negated = false;
  BarrierKind barrier = BarrierKind::sync;
  Access access;
  Slot guard;
  Slot to{0, discarded, 0};
  Slot second_to{0, discarded, 0};
  std::array<Slot, 4> from{};
  std::int64_t value = 0;     ///< offset of an address, table of a lookup, shape of a matrix, ...
  std::uint32_t target = 0;   ///< of a branch
  std::vector<Slot> list;     ///< more sources, or the registers of a load, as in the text
  std::vector<Slot> results;  ///< more destinations
  std::vector<std::uint32_t> targets;  ///< of a branch table
};

/// Where an instruction stood in the text.
struct Source {
  int line = 0;
  std::string text;
  std::string function;
};

/// A slot with the value that it has in every warp.
struct Constant {
  Slot slot;
  std::uint64_t bits = 0;
};

/// Registers that the hardware fills.
enum class Special : std::uint8_t {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  nwarpid,
  smid,
  lanemask_eq,
  lanemask_lt,
  lanemask_le,
  lanemask_gt,
  lanemask_ge,
  dynamic_smem_size,
  total_smem_size,
  count
};

struct SpecialSlot {
  Special special = Special::tid_x;
  Slot slot;
};

struct Parameter {
  std::size_t offset = 0;
  std::size_t size = 0;
};

struct Program {
  std::string name;  ///< for people
  LaunchBounds bounds;
  std::vector<Instruction> code;
  std::vector<Source> sources;  ///< one an instruction
  std::vector<Constant> constants;
  std::vector<SpecialSlot> specials;
  std::vector<Parameter> parameters;
  std::size_t register_bytes = 0;  ///< of a warp's register file
  std::uint32_t register_count = 2;
  std::size_t parameter_bytes = 0;
  std::size_t local_bytes = 0;          ///< of a thread
  std::size_t static_shared_bytes = 0;  ///< of a block
  int shared_unit = 4;                  ///< bytes of the smallest access to shared memory
};

/// Windows of the generic address space; every other address is global. Kernel parameters lie at
/// offset 0 of param space, those of calls behind `call_parameters`.
inline constexpr std::uint64_t shared_window = 1ull << 60;
inline constexpr std::uint64_t local_window = 1ull << 61;
inline constexpr std::uint64_t param_window = 1ull << 62;
inline constexpr std::uint64_t window_bytes = 1ull << 32;
inline constexpr std::uint64_t call_parameters = 1ull << 20;

}  // namespace tokenwerk::emulator::ptx
