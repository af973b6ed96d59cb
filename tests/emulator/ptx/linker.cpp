#include "tests/emulator/ptx/linker.h"

#include <fmt/core.h>

#include <algorithm>

#include "tests/emulator/fault.h"
#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/names.h"
#include "tests/emulator/ptx/warp.h"

namespace tokenwerk::emulator::ptx {
namespace {

constexpr std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

Program Linker::link(const Function& kernel) {
  link_once(kernel);
  // Dynamic shared memory begins behind the static variables, which are all known only now.
  dynamic_shared_ = round_up(program_.static_shared_bytes, dynamic_align_);
  if (dynamic_shared_ != 0) link_once(kernel);
  return std::move(program_);
}

void Linker::link_once(const Function& kernel) {
  program_ = {};
  constants_.clear();
  specials_.clear();
  scratch_.clear();
  carry_.reset();
  shared_.clear();
  program_.name = readable_name(kernel.name);
  program_.bounds = kernel.bounds;
  Frame frame;
  frame.function = &kernel;
  place_kernel_parameters(frame);
  emit_function(frame);
  program_.static_shared_bytes =
      std::max<std::size_t>(program_.static_shared_bytes, dynamic_shared_);
}

void Linker::emit_function(Frame& frame) {
  const Function& function = *frame.function;
  if (!function.has_body)
    throw Unsupported(fmt::format("{}: {} has no body", where(), function.name));
  for (const Frame* outer : frames_)
    if (outer->function == &function)
      throw Unsupported(fmt::format("{}: recursive call of {}", where(), function.name));
  frames_.push_back(&frame);
  for (const Type type : function.registers) frame.registers.push_back(allocate(size_of(type)));
  place_variables(frame);
  for (const SyntaxInstruction& syntax : function.code) {
    frame.starts.push_back(program_.code.size());
    emit(frame, syntax);
  }
  frame.starts.push_back(program_.code.size());
  if (function.is_kernel) {
    Instruction exit;
    exit.flow = Flow::exit;
    add_instruction(std::move(exit), {});
  }
  resolve_branches(frame);
  frames_.pop_back();
}

void Linker::emit(Frame& frame, const SyntaxInstruction& syntax) {
  if (syntax.opcode == "call") return emit_call(syntax);
  Instruction instruction = decode(*this, syntax);
  const bool is_return = instruction.flow == Flow::exit && syntax.opcode == "ret";
  if (is_return && !frame.function->is_kernel) {
    instruction.flow = Flow::branch;
    frame.returns.push_back(program_.code.size());
  } else if (instruction.flow == Flow::branch || instruction.flow == Flow::branch_table) {
    frame.branches.push_back({program_.code.size(), &syntax});
  }
  add_instruction(std::move(instruction), syntax);
}

void Linker::add_instruction(Instruction instruction, const SyntaxInstruction& syntax) {
  if (instruction.access.space == Space::shared || instruction.access.space == Space::generic) {
    if (instruction.access.bytes > 0)
      program_.shared_unit = std::min<int>(program_.shared_unit, instruction.access.bytes);
  }
  program_.code.push_back(std::move(instruction));
  program_.sources.push_back({syntax.line, syntax.text.empty() ? "ret" : syntax.text,
                              readable_name(frames_.back()->function->name)});
}

std::uint32_t Linker::target_of(const Frame& frame, const std::string& label,
                                const SyntaxInstruction& syntax) const {
  const auto found = frame.function->labels.find(label);
  if (found == frame.function->labels.end())
    throw Unsupported(
        fmt::format("{}: PTX line {}: label {} is not known", where(), syntax.line, label));
  return static_cast<std::uint32_t>(frame.starts[found->second]);
}

void Linker::resolve_branches(const Frame& frame) {
  for (const Frame::Fixup& fixup : frame.branches) {
    Instruction& branch = program_.code[fixup.at];
    const std::string& label = fixup.syntax->operands.back().name;
    if (branch.flow == Flow::branch) {
      branch.target = target_of(frame, label, *fixup.syntax);
      continue;
    }
    const auto table = frame.function->branch_targets.find(label);
    if (table == frame.function->branch_targets.end())
      throw Unsupported(
          fmt::format("{}: PTX line {}: no branch table {}", where(), fixup.syntax->line, label));
    for (const std::string& target : table->second)
      branch.targets.push_back(target_of(frame, target, *fixup.syntax));
  }
  for (const std::size_t at : frame.returns)
    program_.code[at].target = static_cast<std::uint32_t>(program_.code.size());
}

void Linker::emit_call(const SyntaxInstruction& syntax) {
  Decoding decoding(*this, syntax);
  decoding.ignore({"uni"});
  decoding.finish();
  std::vector<std::uint64_t> returns;
  std::vector<std::uint64_t> arguments;
  std::string name;
  for (const Operand& operand : syntax.operands) {
    if (operand.kind == Operand::Kind::symbol) name = operand.name;
    if (operand.kind != Operand::Kind::list) continue;
    for (const Operand& element : operand.list)
      (name.empty() ? returns : arguments).push_back(address_of(element.name).value_or(0));
  }
  if (name == "__assertfail") return emit_assertion(syntax);
  const auto callee = module_.functions.find(name);
  if (callee == module_.functions.end() || !callee->second.has_body)
    decoding.refuse("only functions of this module can be called");
  if (returns.size() != callee->second.returns.size() ||
      arguments.size() != callee->second.parameters.size())
    decoding.refuse("the arguments are not those of the function");

  const bool is_guarded = syntax.guard >= 0;
  const std::size_t skip = program_.code.size();
  if (is_guarded) {
    Instruction branch;
    branch.flow = Flow::branch;
    branch.has_guard = true;
    branch.guard = decoding.out.guard;
    branch.guard_negated = !syntax.guard_negated;
    add_instruction(std::move(branch), syntax);
  }
  Frame frame;
  frame.function = &callee->second;
  for (std::size_t i = 0; i < returns.size(); ++i)
    frame.addresses[callee->second.returns[i].name] = returns[i];
  for (std::size_t i = 0; i < arguments.size(); ++i)
    frame.addresses[callee->second.parameters[i].name] = arguments[i];
  emit_function(frame);
  if (is_guarded) program_.code[skip].target = static_cast<std::uint32_t>(program_.code.size());
}

/// assert() of the kernel: message, file, line and function are parameters of the call.
void Linker::emit_assertion(const SyntaxInstruction& syntax) {
  Instruction instruction = Decoding(*this, syntax).out;
  instruction.run = fail_assertion;
  for (const Operand& argument : syntax.operands.back().list)
    instruction.targets.push_back(
        static_cast<std::uint32_t>(address_of(argument.name).value_or(0) - call_parameters));
  add_instruction(std::move(instruction), syntax);
}

std::uint64_t Linker::place_local(const Variable& variable) {
  program_.local_bytes = round_up(program_.local_bytes, variable.align);
  const std::uint64_t place = program_.local_bytes;
  program_.local_bytes += variable.size;
  return place;
}

std::uint64_t Linker::place_shared(const std::string& name, const Variable& variable) {
  if (variable.is_unbounded) {
    dynamic_align_ = std::max(dynamic_align_, variable.align);
    return dynamic_shared_;
  }
  const auto known = shared_.find(name);
  if (known != shared_.end()) return known->second;
  const std::size_t place = round_up(program_.static_shared_bytes, variable.align);
  program_.static_shared_bytes = place + variable.size;
  shared_[name] = place;
  return place;
}

void Linker::place_variables(Frame& frame) {
  for (const auto& [name, variable] : frame.function->variables) {
    if (variable.space == Space::shared)
      frame.addresses[name] = place_shared(frame.function->name + "/" + name, variable);
    if (variable.space == Space::local) frame.addresses[name] = place_local(variable);
    if (variable.space == Space::param)
      frame.addresses[name] = call_parameters + place_local(variable);
  }
}

void Linker::place_kernel_parameters(Frame& frame) {
  std::size_t offset = 0;
  for (const Variable& parameter : frame.function->parameters) {
    offset = round_up(offset, parameter.align);
    frame.addresses[parameter.name] = offset;
    program_.parameters.push_back({offset, parameter.size});
    offset += parameter.size;
  }
  program_.parameter_bytes = offset;
}

std::optional<std::uint64_t> Linker::address_of(const std::string& symbol) {
  const auto own = frames_.back()->addresses.find(symbol);
  if (own != frames_.back()->addresses.end()) return own->second;
  const auto global = globals_.find(symbol);
  if (global != globals_.end()) return global->second;
  for (const Variable& variable : module_.variables)
    if (variable.name == symbol && variable.space == Space::shared)
      return place_shared(symbol, variable);
  return std::nullopt;
}

std::string Linker::where() const {
  if (frames_.empty()) return program_.name;
  const std::string inner = readable_name(frames_.back()->function->name);
  return inner == program_.name ? inner : fmt::format("{} in {}", inner, program_.name);
}

}  // namespace tokenwerk::emulator::ptx
