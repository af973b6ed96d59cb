#include "tests/emulator/ptx/module.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "tests/emulator/fault.h"
#include "tests/emulator/ptx/linker.h"
#include "tests/emulator/ptx/statements.h"

namespace tokenwerk::emulator::ptx {
namespace {

/// Parameters are read up to this much beyond the last one at most.
constexpr std::size_t parameter_padding = 16;

bool is_in_memory(const Variable& variable) {
  return variable.space == Space::global || variable.space == Space::constant;
}

}  // namespace

Module::Module(std::string_view text, MemoryMap& memory)
    : memory_(memory), syntax_(parse_module(text)) {
  for (const Variable& variable : syntax_.variables)
    if (is_in_memory(variable)) place(variable);
  for (const Variable& variable : syntax_.variables)
    if (is_in_memory(variable)) initialise(variable);
}

Module::~Module() {
  for (const auto& [name, storage] : storage_) memory_.remove(storage.address);
}

void Module::place(const Variable& variable) {
  Storage& storage = storage_[variable.name];
  storage.size = std::max<std::size_t>(variable.size, 1);
  storage.bytes.resize(storage.size + variable.align);
  const auto begin = reinterpret_cast<std::uintptr_t>(storage.bytes.data());
  const std::size_t skip = (variable.align - begin % variable.align) % variable.align;
  storage.address = begin + skip;
  memory_.add({storage.address, storage.size, storage.bytes.data() + skip,
               variable.space == Space::global});
  addresses_[variable.name] = storage.address;
}

/// Values are numbers, names of variables, or generic(name).
void Module::initialise(const Variable& variable) {
  const std::size_t width = size_of(variable.type);
  const std::uint64_t address = addresses_.at(variable.name);
  if (variable.initial.size() * width > std::max<std::size_t>(variable.size, 1))
    throw Unsupported(fmt::format("variable {} has too many initial values", variable.name));
  for (std::size_t i = 0; i < variable.initial.size(); ++i) {
    std::string_view text = variable.initial[i];
    bool is_number = false;
    std::uint64_t value = parse_number(text, is_number).bits;
    if (!is_number) {
      constexpr std::string_view generic = "generic(";
      if (text.substr(0, generic.size()) == generic)
        text = trimmed(text.substr(generic.size(), text.size() - generic.size() - 1));
      const auto symbol = addresses_.find(std::string(text));
      if (symbol == addresses_.end())
        throw Unsupported(fmt::format("variable {}: initial value {} is not known", variable.name,
                                      variable.initial[i]));
      value = symbol->second;
    }
    std::memcpy(memory_.bytes_at(address) + i * width, &value, width);
  }
}

const Program& Module::kernel(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Program>& program = programs_[name];
  if (program) return *program;
  if (!has_kernel(name)) throw std::out_of_range(fmt::format("no kernel {}", name));
  program = std::make_unique<Program>(Linker(syntax_, addresses_).link(syntax_.functions.at(name)));
  return *program;
}

bool Module::has_kernel(const std::string& name) const {
  const auto found = syntax_.functions.find(name);
  return found != syntax_.functions.end() && found->second.is_kernel;
}

std::optional<Symbol> Module::variable(const std::string& name) const {
  const auto found = storage_.find(name);
  if (found == storage_.end()) return std::nullopt;
  return Symbol{found->second.address, found->second.size};
}

std::vector<std::byte> Module::pack_arguments(const Program& program,
                                              std::span<const void* const> arguments) {
  std::vector<std::byte> packed(program.parameter_bytes + parameter_padding);
  for (std::size_t i = 0; i < program.parameters.size(); ++i)
    std::memcpy(packed.data() + program.parameters[i].offset, arguments[i],
                program.parameters[i].size);
  return packed;
}

void Module::launch(const std::string& name, const LaunchShape& shape,
                    std::span<const void* const> arguments) {
  const Program& program = kernel(name);
  if (arguments.size() != program.parameters.size())
    throw std::invalid_argument(fmt::format("kernel {} takes {} arguments, not {}", name,
                                            program.parameters.size(), arguments.size()));
  execute(program, shape, memory_, pack_arguments(program, arguments));
}

}  // namespace tokenwerk::emulator::ptx
