#include "tests/emulator/launch/registry.h"

#include <fmt/core.h>

#include <stdexcept>

#include "tests/emulator/launch/fat_binary.h"

namespace tokenwerk::emulator {

ptx::Module& RegisteredModule::module() {
  const std::lock_guard lock(mutex_);
  if (!module_)
    module_ = std::make_unique<ptx::Module>(ptx_of_fat_binary(fat_binary_), memory_map());
  return *module_;
}

Registry& registry() {
  // Modules give their memory back when the registry ends: the map has to live longer.
  static MemoryMap& memory = memory_map();
  static_cast<void>(memory);
  static Registry registry;
  return registry;
}

RegisteredKernel registered_kernel(const void* host_function) {
  const std::lock_guard lock(registry().mutex);
  return registry().kernels.at(host_function);
}

ptx::Symbol registered_symbol(const void* host_variable) {
  const RegisteredVariable variable = [&] {
    const std::lock_guard lock(registry().mutex);
    return registry().variables.at(host_variable);
  }();
  const auto symbol = variable.owner->module().variable(variable.name);
  if (!symbol) throw std::out_of_range(fmt::format("no device variable {}", variable.name));
  return *symbol;
}

}  // namespace tokenwerk::emulator
