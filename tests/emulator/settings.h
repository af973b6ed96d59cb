#pragma once
/// What the emulator watches for while a kernel runs.

#include <cstdint>

namespace tokenwerk::emulator {

struct Settings {
  std::uint64_t instruction_budget =
      2'000'000'000;                 ///< warp instructions a launch, against endless loops
  bool undefined_registers = true;   ///< refuse to read a register never written
  bool uninitialised_shared = true;  ///< refuse to read shared bytes never written
  bool shared_races =
      true;  ///< refuse two warps on the same shared bytes without a barrier between
};

/// The settings of this process; a launch reads them when it starts.
inline Settings& settings() {
  static Settings settings;
  return settings;
}

}  // namespace tokenwerk::emulator
