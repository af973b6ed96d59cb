#pragma once
/// What kernels did: instructions and memory traffic, by name.

#include <cstdint>
#include <map>
#include <string>

namespace tokenwerk::emulator {

/// Sums over all launches of one kernel.
struct KernelStatistics {
  std::uint64_t launches = 0;
  std::uint64_t thread_instructions = 0;
  std::uint64_t warp_instructions = 0;
  std::uint64_t global_read_bytes = 0;       ///< as the threads asked
  std::uint64_t global_written_bytes = 0;    ///< as the threads asked
  std::uint64_t global_read_sectors = 0;     ///< distinct 32-byte sectors of each warp's access
  std::uint64_t global_written_sectors = 0;  ///< atomics count as read and as written
  std::uint64_t shared_read_bytes = 0;
  std::uint64_t shared_written_bytes = 0;

  KernelStatistics& operator+=(const KernelStatistics& other);
};

inline constexpr std::uint64_t sector_bytes = 32;  ///< what a GPU moves at least

/// What has run in this process since the start or the last reset.
[[nodiscard]] std::map<std::string, KernelStatistics> statistics();
void add_statistics(const std::string& kernel, const KernelStatistics& more);
void reset_statistics();
/// One line a kernel, with the bytes moved in sectors.
[[nodiscard]] std::string statistics_table();

}  // namespace tokenwerk::emulator
