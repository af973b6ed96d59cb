#pragma once
/// Reads the statements of one function's body.

#include <string>
#include <vector>

#include "tests/emulator/ptx/statements.h"
#include "tests/emulator/ptx/syntax.h"

namespace tokenwerk::emulator::ptx {

class BodyParser {
 public:
  explicit BodyParser(Function& function) : function_(function) {}

  void open_scope() { scopes_.emplace_back(); }
  void close_scope() { scopes_.pop_back(); }
  [[nodiscard]] bool inside() const { return !scopes_.empty(); }
  /// A declaration, a directive or an instruction.
  void take(const Statement& statement);
  void take_label(const Statement& statement);

 private:
  /// What names mean between two braces: inner ones hide outer ones.
  struct Scope {
    std::map<std::string, int> registers;
    std::map<std::string, std::string> variables;  ///< to the name that is unique in the function
  };

  void declare_registers(std::string_view declaration, int line);
  void declare_variable(const Statement& statement);
  void take_instruction(const Statement& statement);
  [[nodiscard]] int find_register(std::string_view name) const;
  [[nodiscard]] std::string unique_variable(std::string_view name) const;
  [[nodiscard]] Operand parse_operand(std::string_view text, int line) const;
  [[nodiscard]] Operand parse_address(std::string_view text, int line) const;

  Function& function_;
  std::vector<Scope> scopes_;
  std::string last_label_;
};

}  // namespace tokenwerk::emulator::ptx
