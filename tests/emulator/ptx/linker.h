#pragma once
/// Turns the functions of a module into programs.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/emulator/ptx/program.h"

namespace tokenwerk::emulator::ptx {

class Decoding;

/// Builds the program of one kernel. A call becomes the callee's code with registers of its own, so
/// that lanes part and meet as if there were no calls; recursion is refused.
class Linker {
 public:
  /// `globals`: the addresses of the module's variables in global and constant memory.
  Linker(const SyntaxModule& module, const std::map<std::string, std::uint64_t>& globals)
      : module_(module), globals_(globals) {}

  [[nodiscard]] Program link(const Function& kernel);

  /// For `Decoding`: the slot of a register of the function that is being decoded.
  [[nodiscard]] Slot register_slot(int reg) const;
  [[nodiscard]] Slot constant(std::uint64_t bits, std::size_t width);
  [[nodiscard]] Slot scratch(std::size_t width);
  [[nodiscard]] Slot carry();
  [[nodiscard]] Slot special_slot(const std::string& name, std::size_t width,
                                  const Decoding& decoding);
  [[nodiscard]] std::optional<std::uint64_t> address_of(const std::string& symbol);
  /// The kernel, and the function that it calls, in words.
  [[nodiscard]] std::string where() const;

 private:
  /// One function on its way into the program.
  struct Frame {
    const Function* function = nullptr;
    std::vector<Slot> registers;
    std::map<std::string, std::uint64_t> addresses;  ///< of its own variables and parameters
    std::vector<std::size_t> starts;                 ///< of each of its instructions
    struct Fixup {
      std::size_t at = 0;
      const SyntaxInstruction* syntax = nullptr;
    };
    std::vector<Fixup> branches;
    std::vector<std::size_t> returns;  ///< branches to behind the function
  };

  void emit_function(Frame& frame);
  void emit(Frame& frame, const SyntaxInstruction& syntax);
  void emit_call(const SyntaxInstruction& syntax);
  void emit_assertion(const SyntaxInstruction& syntax);
  void link_once(const Function& kernel);
  void resolve_branches(const Frame& frame);
  [[nodiscard]] std::uint32_t target_of(const Frame& frame, const std::string& label,
                                        const SyntaxInstruction& syntax) const;
  void place_variables(Frame& frame);
  void place_kernel_parameters(Frame& frame);
  void add_instruction(Instruction instruction, const SyntaxInstruction& syntax);
  [[nodiscard]] Slot allocate(std::size_t width);
  [[nodiscard]] std::uint64_t place_local(const Variable& variable);
  [[nodiscard]] std::uint64_t place_shared(const std::string& name, const Variable& variable);

  const SyntaxModule& module_;
  const std::map<std::string, std::uint64_t>& globals_;
  Program program_;
  std::vector<Frame*> frames_;
  std::map<std::pair<std::uint64_t, std::size_t>, Slot> constants_;
  std::map<std::pair<Special, std::size_t>, Slot> specials_;
  std::map<std::size_t, Slot> scratch_;
  std::optional<Slot> carry_;
  std::map<std::string, std::uint64_t> shared_;  ///< places of static variables of the module
  std::uint64_t dynamic_shared_ = 0;             ///< where dynamic shared memory begins
  std::size_t dynamic_align_ = 16;
};

}  // namespace tokenwerk::emulator::ptx
