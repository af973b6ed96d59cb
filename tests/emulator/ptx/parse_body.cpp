#include "tests/emulator/ptx/parse_body.h"

#include <fmt/core.h>

#include <cctype>
#include <charconv>

#include "tests/emulator/fault.h"

namespace tokenwerk::emulator::ptx {
namespace {

bool starts_with(std::string_view text, std::string_view begin) {
  return text.substr(0, begin.size()) == begin;
}

/// Splits at the first blank outside brackets: what is before, what is after.
std::string_view first_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text = trimmed(text.substr(end));
  return word;
}

}  // namespace

void BodyParser::take(const Statement& statement) {
  const std::string_view text = statement.text;
  if (starts_with(text, ".reg ") || starts_with(text, ".reg.")) {
    declare_registers(text.substr(4), statement.line);
  } else if (starts_with(text, ".shared") || starts_with(text, ".local") ||
             starts_with(text, ".param")) {
    declare_variable(statement);
  } else if (starts_with(text, ".branchtargets")) {
    for (const std::string_view label : split_outside_brackets(text.substr(14), ','))
      function_.branch_targets[last_label_].emplace_back(label);
  } else if (starts_with(text, ".pragma") || starts_with(text, ".callprototype")) {
    return;
  } else {
    take_instruction(statement);
  }
}

void BodyParser::take_label(const Statement& statement) {
  last_label_ = statement.text;
  if (!function_.labels.emplace(last_label_, function_.code.size()).second)
    throw Unsupported(fmt::format("{}: PTX line {}: label {} stands twice", function_.name,
                                  statement.line, last_label_));
}

/// `.reg .b32 %r<5>, %extra;` declares %r0 to %r4 and %extra.
void BodyParser::declare_registers(std::string_view declaration, int line) {
  declaration = trimmed(declaration);
  const std::string_view type_name = first_word(declaration);
  const auto type = type_named(type_name.substr(1));
  if (!type || (*type != Type::pred && size_of(*type) < 2))
    throw Unsupported(
        fmt::format("{}: PTX line {}: register type {}", function_.name, line, type_name));
  auto& names = scopes_.back().registers;
  const auto declare = [&](std::string name) {
    names[std::move(name)] = static_cast<int>(function_.registers.size());
    function_.registers.push_back(*type);
  };
  for (const std::string_view name : split_outside_brackets(declaration, ',')) {
    const std::size_t bracket = name.find('<');
    if (bracket == std::string_view::npos) {
      declare(std::string(name));
      continue;
    }
    int count = 0;
    std::from_chars(name.data() + bracket + 1, name.data() + name.size(), count);
    for (int i = 0; i < count; ++i) declare(fmt::format("{}{}", name.substr(0, bracket), i));
  }
}

void BodyParser::declare_variable(const Statement& statement) {
  Variable variable = parse_variable(statement.text, statement.line);
  std::string unique = variable.name;
  while (function_.variables.count(unique) != 0) unique += '\'';
  scopes_.back().variables[variable.name] = unique;
  function_.variables[unique] = std::move(variable);
}

void BodyParser::take_instruction(const Statement& statement) {
  SyntaxInstruction instruction;
  instruction.text = statement.text;
  instruction.line = statement.line;
  std::string_view rest = statement.text;
  if (rest.front() == '@') {
    std::string_view guard = first_word(rest).substr(1);
    instruction.guard_negated = starts_with(guard, "!");
    if (instruction.guard_negated) guard.remove_prefix(1);
    instruction.guard = find_register(guard);
  }
  const std::vector<std::string_view> words = [&] {
    std::string_view opcode = first_word(rest);
    std::vector<std::string_view> parts;
    for (std::size_t dot; (dot = opcode.find('.')) != std::string_view::npos;) {
      parts.push_back(opcode.substr(0, dot));
      opcode.remove_prefix(dot + 1);
    }
    parts.push_back(opcode);
    return parts;
  }();
  instruction.opcode = words.front();
  instruction.modifiers.assign(words.begin() + 1, words.end());
  for (const std::string_view operand : split_outside_brackets(rest, ','))
    instruction.operands.push_back(parse_operand(operand, statement.line));
  function_.code.push_back(std::move(instruction));
}

int BodyParser::find_register(std::string_view name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto found = scope->registers.find(std::string(name));
    if (found != scope->registers.end()) return found->second;
  }
  return -1;
}

std::string BodyParser::unique_variable(std::string_view name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto found = scope->variables.find(std::string(name));
    if (found != scope->variables.end()) return found->second;
  }
  return std::string(name);
}

Operand BodyParser::parse_operand(std::string_view text, int line) const {
  Operand operand;
  if (text == "_") return operand;
  if (text.empty())
    throw Unsupported(fmt::format("{}: PTX line {}: empty operand", function_.name, line));
  if (text.front() == '!') {
    operand = parse_operand(trimmed(text.substr(1)), line);
    operand.negated = true;
    return operand;
  }
  if (text.front() == '[') return parse_address(trimmed(text.substr(1, text.size() - 2)), line);
  if (text.front() == '{' || text.front() == '(') {
    operand.kind = Operand::Kind::list;
    for (const std::string_view part : split_outside_brackets(text.substr(1, text.size() - 2), ','))
      operand.list.push_back(parse_operand(part, line));
    return operand;
  }
  if (const std::size_t bar = text.find('|'); bar != std::string_view::npos) {
    operand = parse_operand(trimmed(text.substr(0, bar)), line);
    operand.second_reg = find_register(trimmed(text.substr(bar + 1)));
    return operand;
  }
  operand.reg = find_register(text);
  if (operand.reg >= 0) {
    operand.kind = Operand::Kind::reg;
    return operand;
  }
  bool is_number = false;
  operand.number = parse_number(text, is_number);
  operand.kind = is_number                                  ? Operand::Kind::number
                 : text.front() == '%' || text == "WARP_SZ" ? Operand::Kind::special
                                                            : Operand::Kind::symbol;
  operand.name = unique_variable(text);
  return operand;
}

/// What stands in brackets: a register or a symbol, and perhaps an offset; or an offset alone.
Operand BodyParser::parse_address(std::string_view text, int line) const {
  Operand operand;
  operand.kind = Operand::Kind::address;
  bool is_number = false;
  const std::size_t sign = text.find_first_of("+-", 1);
  std::string_view base = text;
  if (sign != std::string_view::npos) {
    std::string_view offset = trimmed(text.substr(sign + (text[sign] == '+' ? 1 : 0)));
    operand.offset = static_cast<std::int64_t>(parse_number(offset, is_number).bits);
    base = trimmed(text.substr(0, sign));
    if (!is_number)
      throw Unsupported(fmt::format("{}: PTX line {}: address [{}]", function_.name, line, text));
  }
  operand.reg = find_register(base);
  if (operand.reg >= 0) return operand;
  const Number number = parse_number(base, is_number);
  if (is_number) {
    operand.offset += static_cast<std::int64_t>(number.bits);
  } else {
    operand.name = unique_variable(base);
  }
  return operand;
}

}  // namespace tokenwerk::emulator::ptx
