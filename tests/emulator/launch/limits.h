#pragma once
/// What a launch may ask for, as on a GPU of compute capability 9.0.

#include <driver_types.h>

#include <cstddef>
#include <string>

#include "tests/emulator/ptx/execution.h"

namespace tokenwerk::emulator {

inline constexpr std::uint32_t max_block_threads = 1024;
inline constexpr std::uint32_t max_block_depth = 64;  ///< threads in z
inline constexpr std::uint32_t max_grid_x = 0x7fffffff;
inline constexpr std::uint32_t max_grid_yz = 65535;
inline constexpr std::size_t shared_without_permission = 48 * 1024;
inline constexpr std::size_t max_shared_bytes = 227 * 1024;  ///< of a block
inline constexpr std::size_t multiprocessor_shared_bytes = 228 * 1024;
inline constexpr std::size_t reserved_shared_bytes = 1024;  ///< of each block, by the system
inline constexpr std::uint32_t multiprocessor_threads = 2048;
inline constexpr std::uint32_t multiprocessor_blocks = 32;

/// Why a launch is refused; success and no words if it is not.
struct LaunchRefusal {
  cudaError_t error = cudaSuccess;
  std::string reason;
};

/// `allowed_dynamic_shared`: what cudaFuncSetAttribute has permitted, 0 if nothing.
[[nodiscard]] LaunchRefusal check_launch(const ptx::Program& program, const ptx::LaunchShape& shape,
                                         std::size_t allowed_dynamic_shared);

}  // namespace tokenwerk::emulator
