#include "tests/emulator/ptx/decoding.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <map>

#include "tests/emulator/fault.h"
#include "tests/emulator/ptx/linker.h"

namespace tokenwerk::emulator::ptx {
namespace {

using Decoders = std::map<std::string_view, void (*)(Decoding&)>;

const Decoders& decoders() {
  static const Decoders all = [] {
    Decoders map;
    for (const auto family :
         {integer_opcodes(), rare_integer_opcodes(), logic_opcodes(), bit_opcodes(),
          carry_opcodes(), float_opcodes(), comparison_opcodes(), selection_opcodes(),
          move_opcodes(), conversion_opcodes(), memory_opcodes(), atomic_opcodes(),
          control_opcodes(), warp_opcodes(), matrix_opcodes(), async_opcodes()})
      for (const Opcode& opcode : family) map.emplace(opcode.name, opcode.decode);
    return map;
  }();
  return all;
}

/// The bits of a literal as a value of the type.
std::uint64_t bits_of(const Number& number, Type type) {
  const bool is_single = number.form == Number::Form::single_bits;
  const bool is_double = number.form == Number::Form::double_bits;
  if (is_single && type == Type::f64)
    return std::bit_cast<std::uint64_t>(
        static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(number.bits))));
  if (is_double && type == Type::f32)
    return std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<double>(number.bits)));
  return number.bits;
}

}  // namespace

Instruction decode(Linker& linker, const SyntaxInstruction& syntax) {
  Decoding decoding(linker, syntax);
  const auto found = decoders().find(syntax.opcode);
  if (found == decoders().end())
    decoding.refuse(fmt::format("instruction {} is not known", syntax.opcode));
  found->second(decoding);
  decoding.finish();
  return std::move(decoding.out);
}

Decoding::Decoding(Linker& linker, const SyntaxInstruction& syntax)
    : linker_(linker), syntax_(syntax), modifiers_(syntax.modifiers) {
  if (syntax.guard < 0) return;
  out.has_guard = true;
  out.guard_negated = syntax.guard_negated;
  out.guard = linker.register_slot(syntax.guard);
}

bool Decoding::take(std::string_view modifier) {
  const auto found = std::find(modifiers_.begin(), modifiers_.end(), modifier);
  if (found == modifiers_.end()) return false;
  modifiers_.erase(found);
  return true;
}

bool Decoding::has(std::string_view modifier) const {
  return std::find(modifiers_.begin(), modifiers_.end(), modifier) != modifiers_.end();
}

void Decoding::ignore(std::initializer_list<std::string_view> modifiers) {
  for (const std::string_view modifier : modifiers) take(modifier);
}

int Decoding::take_one_of(std::initializer_list<std::string_view> names) {
  const auto found =
      std::find_first_of(modifiers_.begin(), modifiers_.end(), names.begin(), names.end());
  if (found == modifiers_.end()) return -1;
  const auto position = std::find(names.begin(), names.end(), *found) - names.begin();
  modifiers_.erase(found);
  return static_cast<int>(position);
}

bool Decoding::has_type() const {
  return std::any_of(modifiers_.begin(), modifiers_.end(),
                     [](const std::string& name) { return type_named(name).has_value(); });
}

Type Decoding::take_type() {
  const auto found =
      std::find_if(modifiers_.begin(), modifiers_.end(),
                   [](const std::string& name) { return type_named(name).has_value(); });
  if (found == modifiers_.end()) refuse("has too few types");
  const Type type = *type_named(*found);
  modifiers_.erase(found);
  return type;
}

void Decoding::expect_operands(std::size_t least, std::size_t most) {
  if (operand_count() < least || operand_count() > most)
    refuse(fmt::format("has {} operands", operand_count()));
}

Slot Decoding::checked(Slot slot, Type type, bool may_be_wider) const {
  const std::size_t width = size_of(type);
  const bool is_predicate = type == Type::pred;
  const bool fits =
      may_be_wider ? slot.width >= width && (slot.width > 1 || is_predicate) : slot.width == width;
  if (!fits)
    refuse(fmt::format("a register of {} bits does not fit .{}", 8 * slot.width, name_of(type)));
  return slot;
}

Slot Decoding::destination(const Operand& operand, Type type) {
  if (operand.kind == Operand::Kind::sink) return linker_.scratch(size_of(type));
  if (operand.kind != Operand::Kind::reg) refuse("the destination is not a register");
  return checked(linker_.register_slot(operand.reg), type, false);
}

Slot Decoding::wide_destination(const Operand& operand, Type type) {
  if (operand.kind == Operand::Kind::sink)
    return linker_.scratch(std::max<std::size_t>(2, size_of(type)));
  if (operand.kind != Operand::Kind::reg) refuse("the destination is not a register");
  return checked(linker_.register_slot(operand.reg), type, true);
}

Slot Decoding::source(const Operand& operand, Type type) {
  return find_source(operand, type, false);
}

Slot Decoding::wide_source(const Operand& operand, Type type) {
  return find_source(operand, type, true);
}

Slot Decoding::find_source(const Operand& operand, Type type, bool may_be_wider) {
  const std::size_t width = type == Type::pred ? 1 : std::max<std::size_t>(2, size_of(type));
  if (operand.negated) refuse("a negated operand is not known here");
  switch (operand.kind) {
    case Operand::Kind::reg: return checked(linker_.register_slot(operand.reg), type, may_be_wider);
    case Operand::Kind::number: return linker_.constant(bits_of(operand.number, type), width);
    case Operand::Kind::special:
      return checked(linker_.special_slot(operand.name, width, *this), type, may_be_wider);
    case Operand::Kind::symbol: {
      const auto address = linker_.address_of(operand.name);
      if (!address) refuse(fmt::format("symbol {} is not known", operand.name));
      return linker_.constant(*address, width);
    }
    default: refuse("an operand has the wrong form");
  }
}

Slot Decoding::constant(std::uint64_t bits, std::size_t width) {
  return linker_.constant(bits, width);
}

Slot Decoding::carry() { return linker_.carry(); }

void Decoding::set_address(std::size_t i) {
  const Operand& address = operand(i);
  if (address.kind != Operand::Kind::address) refuse("an address is missing");
  out.value = address.offset;
  if (address.reg >= 0) {
    out.from[0] = linker_.register_slot(address.reg);
    if (out.from[0].width < 4) refuse("the address is not a register of 32 or 64 bits");
    return;
  }
  out.value = 0;
  out.from[0] = linker_.constant(*fixed_address(i), 8);
}

std::optional<std::uint64_t> Decoding::fixed_address(std::size_t i) {
  const Operand& address = operand(i);
  if (address.reg >= 0) return std::nullopt;
  const auto offset = static_cast<std::uint64_t>(address.offset);
  if (address.name.empty()) return offset;
  const auto symbol = linker_.address_of(address.name);
  if (!symbol) refuse(fmt::format("symbol {} is not known", address.name));
  return *symbol + offset;
}

void Decoding::append_list(std::size_t i, Type type, bool is_destination) {
  const Operand& operands = operand(i);
  const bool is_list = operands.kind == Operand::Kind::list;
  const std::span<const Operand> elements =
      is_list ? std::span<const Operand>(operands.list) : std::span<const Operand>(&operands, 1);
  for (const Operand& element : elements)
    out.list.push_back(is_destination ? wide_destination(element, type)
                                      : wide_source(element, type));
}

void Decoding::append_results(std::size_t i, Type type) {
  const std::size_t before = out.list.size();
  append_list(i, type, true);
  out.results.assign(out.list.begin() + static_cast<std::ptrdiff_t>(before), out.list.end());
  out.list.resize(before);
}

std::uint64_t Decoding::number(std::size_t i, Type type) const {
  if (operand(i).kind != Operand::Kind::number) refuse("an operand is not a number");
  return bits_of(operand(i).number, type);
}

void Decoding::refuse(const std::string& reason) const {
  throw Unsupported(
      fmt::format("{}: PTX line {}: {}: {}", linker_.where(), syntax_.line, syntax_.text, reason));
}

void Decoding::finish() {
  if (!modifiers_.empty()) refuse(fmt::format("modifier .{} is not known", modifiers_.front()));
}

}  // namespace tokenwerk::emulator::ptx
