#pragma once
/// A PTX module as its text says it: functions, variables, instructions with operands by name.

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/emulator/ptx/types.h"

namespace tokenwerk::emulator::ptx {

/// A literal as written; what its bits are depends on the type that uses it.
struct Number {
  enum class Form { integer, single_bits, double_bits };
  Form form = Form::integer;
  std::uint64_t bits = 0;
};

struct Operand {
  enum class Kind { sink, reg, number, symbol, address, list, special };
  Kind kind = Kind::sink;
  int reg = -1;             ///< of `reg`, or the base of `address` (-1: none)
  int second_reg = -1;      ///< q in `p|q`
  bool negated = false;     ///< `!p`
  std::string name;         ///< symbol, special register, or the symbol that an address is based on
  std::int64_t offset = 0;  ///< of an address
  Number number;
  std::vector<Operand> list;  ///< {a, b} or (a, b)
};

struct SyntaxInstruction {
  int guard = -1;  ///< register of `@p`; -1: none
  bool guard_negated = false;
  std::string opcode;                  ///< "ld"
  std::vector<std::string> modifiers;  ///< {"global", "f32"}
  std::vector<Operand> operands;
  std::string text;
  int line = 0;
};

/// A variable in any space, or one parameter of a function.
struct Variable {
  std::string name;
  Space space = Space::param;
  Type type = Type::b8;
  std::size_t size = 0;  ///< bytes; 0 for an array without bounds (dynamic shared memory)
  std::size_t align = 1;
  bool is_unbounded = false;
  std::vector<std::string> initial;  ///< as written; the rest is zero
};

/// What `.maxntid`, `.reqntid` and `.minnctapersm` demand; 0: nothing.
struct LaunchBounds {
  std::uint32_t max_threads = 0;
  std::array<std::uint32_t, 3> required_threads{};
  std::uint32_t min_blocks = 0;
};

struct Function {
  std::string name;
  bool is_kernel = false;
  bool has_body = false;
  LaunchBounds bounds;
  std::vector<Variable> returns;
  std::vector<Variable> parameters;
  std::vector<Type> registers;
  std::map<std::string, Variable> variables;  ///< by a name made unique in the function
  std::vector<SyntaxInstruction> code;
  std::map<std::string, std::size_t> labels;                       ///< index in `code`
  std::map<std::string, std::vector<std::string>> branch_targets;  ///< of brx.idx
};

struct SyntaxModule {
  std::map<std::string, Function> functions;
  std::vector<Variable> variables;
};

/// Reads a module. Throws `Unsupported` where the text is not understood.
[[nodiscard]] SyntaxModule parse_module(std::string_view text);

/// Parts of the reader, which stands in two files.
[[nodiscard]] Variable parse_variable(std::string_view declaration, int line);
[[nodiscard]] Number parse_number(std::string_view text, bool& understood);

}  // namespace tokenwerk::emulator::ptx
