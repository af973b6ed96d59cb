#pragma once
/// One launch while it runs.

#include <array>
#include <cstdint>
#include <vector>

#include "tests/emulator/memory_map.h"
#include "tests/emulator/ptx/program.h"
#include "tests/emulator/settings.h"
#include "tests/emulator/statistics.h"

namespace tokenwerk::emulator::ptx {

using Sizes = std::array<std::uint32_t, 3>;  ///< x, y, z

struct LaunchShape {
  Sizes grid{1, 1, 1};
  Sizes block{1, 1, 1};
  std::size_t dynamic_shared_bytes = 0;

  [[nodiscard]] std::uint32_t block_threads() const { return block[0] * block[1] * block[2]; }
};

/// What all blocks of a launch share.
struct Execution {
  const Program& program;
  LaunchShape shape;
  const MemoryMap& memory;
  Settings settings;
  std::vector<std::byte> parameters;
  KernelStatistics counts;
  /// The allocation that each instruction touched last: most touch only one.
  std::vector<Allocation> recent;
};

/// Runs all blocks, one after the other. Throws `Fault`; the statistics count what ran until then.
void execute(const Program& program, const LaunchShape& shape, const MemoryMap& memory,
             std::vector<std::byte> parameters);

}  // namespace tokenwerk::emulator::ptx
