#pragma once
/// Which kernel and which variable the host's pointers mean.

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/emulator/ptx/module.h"

namespace tokenwerk::emulator {

/// The device code of one object file. Read at its first use, not in the static constructor that
/// registers it, where nobody could catch what is wrong with it.
class RegisteredModule {
 public:
  explicit RegisteredModule(const void* fat_binary) : fat_binary_(fat_binary) {}
  [[nodiscard]] ptx::Module& module();

 private:
  const void* fat_binary_ = nullptr;
  std::mutex mutex_;
  std::unique_ptr<ptx::Module> module_;
};

struct RegisteredKernel {
  RegisteredModule* owner = nullptr;
  std::string name;
  std::size_t allowed_dynamic_shared = 0;  ///< by cudaFuncSetAttribute; 0: what needs no permission
};

struct RegisteredVariable {
  RegisteredModule* owner = nullptr;
  std::string name;
};

/// What the static constructors of this process have registered.
struct Registry {
  std::mutex mutex;
  std::vector<std::unique_ptr<RegisteredModule>> modules;
  std::map<const void*, RegisteredKernel> kernels;
  std::map<const void*, RegisteredVariable> variables;
};
Registry& registry();

/// Each throws `std::out_of_range` for a pointer that nobody registered.
[[nodiscard]] RegisteredKernel registered_kernel(const void* host_function);
[[nodiscard]] ptx::Symbol registered_symbol(const void* host_variable);

}  // namespace tokenwerk::emulator
