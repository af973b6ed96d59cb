#pragma once
/// A PTX module with its variables in memory: what a fat binary brings into a process.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/emulator/memory_map.h"
#include "tests/emulator/ptx/execution.h"
#include "tests/emulator/ptx/program.h"
#include "tests/emulator/ptx/syntax.h"

namespace tokenwerk::emulator::ptx {

/// Where a variable of the module lies.
struct Symbol {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
};

class Module {
 public:
  /// Places the variables in `memory`, which must outlive the module.
  Module(std::string_view text, MemoryMap& memory);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Decoded at the first call. Throws `Unsupported` for what the emulator does not know, and
  /// `std::out_of_range` if there is no such kernel.
  [[nodiscard]] const Program& kernel(const std::string& name);
  [[nodiscard]] bool has_kernel(const std::string& name) const;
  [[nodiscard]] std::optional<Symbol> variable(const std::string& name) const;
  /// Copies arguments to where the kernel expects its parameters.
  [[nodiscard]] static std::vector<std::byte> pack_arguments(
      const Program& program, std::span<const void* const> arguments);
  /// Packs and executes. Throws `Fault`.
  void launch(const std::string& name, const LaunchShape& shape,
              std::span<const void* const> arguments);

 private:
  struct Storage {
    std::vector<std::byte> bytes;
    std::uint64_t address = 0;
    std::uint64_t size = 0;
  };
  void place(const Variable& variable);
  void initialise(const Variable& variable);

  MemoryMap& memory_;
  SyntaxModule syntax_;
  std::map<std::string, Storage> storage_;
  std::map<std::string, std::uint64_t> addresses_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Program>> programs_;
};

}  // namespace tokenwerk::emulator::ptx
