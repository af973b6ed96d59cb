#pragma once
/// What the families of instructions use to decode one instruction.

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/emulator/ptx/program.h"

namespace tokenwerk::emulator::ptx {

class Linker;

/// One instruction on its way from text to `Instruction`. A family takes every modifier and
/// operand that it knows; what is left over is refused by name.
class Decoding {
 public:
  Decoding(Linker& linker, const SyntaxInstruction& syntax);

  /// True if the modifier is there, which is then taken.
  bool take(std::string_view modifier);
  [[nodiscard]] bool has(std::string_view modifier) const;
  /// Takes those of the modifiers that make no difference here.
  void ignore(std::initializer_list<std::string_view> modifiers);
  /// Takes the first modifier that is one of the names and returns its position; -1 if none is.
  int take_one_of(std::initializer_list<std::string_view> names);
  /// Takes the next modifier that is a type.
  Type take_type();
  [[nodiscard]] bool has_type() const;

  /// Refuses unless the instruction has this many operands.
  void expect_operands(std::size_t least, std::size_t most);
  void expect_operands(std::size_t count) { expect_operands(count, count); }
  [[nodiscard]] std::size_t operand_count() const { return syntax_.operands.size(); }
  [[nodiscard]] const Operand& operand(std::size_t i) const { return syntax_.operands.at(i); }

  /// The slot of a destination or source of the given type. The register must have its width.
  [[nodiscard]] Slot destination(const Operand& operand, Type type);
  [[nodiscard]] Slot source(const Operand& operand, Type type);
  [[nodiscard]] Slot destination(std::size_t i, Type type) { return destination(operand(i), type); }
  [[nodiscard]] Slot source(std::size_t i, Type type) { return source(operand(i), type); }
  /// The same for operands whose register may be wider than the type: loads, stores, conversions.
  [[nodiscard]] Slot wide_destination(const Operand& operand, Type type);
  [[nodiscard]] Slot wide_source(const Operand& operand, Type type);
  /// A slot that has the value in every lane.
  [[nodiscard]] Slot constant(std::uint64_t bits, std::size_t width);
  /// The predicate that add.cc and its like leave behind.
  [[nodiscard]] Slot carry();
  /// Sets `from[0]` and `value` so that their sum is the address.
  void set_address(std::size_t i);
  /// The address, if no register takes part in it.
  [[nodiscard]] std::optional<std::uint64_t> fixed_address(std::size_t i);
  /// The slots of {a, b, ...} go to the end of `out.list`.
  void append_list(std::size_t i, Type type, bool is_destination);
  /// The same for `out.results`.
  void append_results(std::size_t i, Type type);
  [[nodiscard]] std::uint64_t number(std::size_t i, Type type) const;

  [[noreturn]] void refuse(const std::string& reason) const;
  /// Refuses modifiers that nobody took.
  void finish();

  Instruction out;

 private:
  [[nodiscard]] Slot checked(Slot slot, Type type, bool may_be_wider) const;
  [[nodiscard]] Slot find_source(const Operand& operand, Type type, bool may_be_wider);

  Linker& linker_;
  const SyntaxInstruction& syntax_;
  std::vector<std::string> modifiers_;
};

/// One opcode of a family.
struct Opcode {
  std::string_view name;
  void (*decode)(Decoding& decoding);
};

/// The families, one file each in instructions/.
std::span<const Opcode> integer_opcodes();
std::span<const Opcode> rare_integer_opcodes();
std::span<const Opcode> logic_opcodes();
std::span<const Opcode> bit_opcodes();
std::span<const Opcode> carry_opcodes();
std::span<const Opcode> float_opcodes();
std::span<const Opcode> comparison_opcodes();
std::span<const Opcode> selection_opcodes();
std::span<const Opcode> move_opcodes();
std::span<const Opcode> conversion_opcodes();
std::span<const Opcode> memory_opcodes();
std::span<const Opcode> atomic_opcodes();
std::span<const Opcode> control_opcodes();
std::span<const Opcode> warp_opcodes();
std::span<const Opcode> matrix_opcodes();
std::span<const Opcode> async_opcodes();

/// Decodes what is not a call, a return or a branch; throws `Unsupported`.
[[nodiscard]] Instruction decode(Linker& linker, const SyntaxInstruction& syntax);

}  // namespace tokenwerk::emulator::ptx
