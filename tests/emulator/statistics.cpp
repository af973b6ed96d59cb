#include "tests/emulator/statistics.h"

#include <fmt/core.h>

#include <mutex>

namespace tokenwerk::emulator {
namespace {

struct Table {
  std::mutex mutex;
  std::map<std::string, KernelStatistics> rows;
};

Table& table() {
  static Table table;
  return table;
}

}  // namespace

KernelStatistics& KernelStatistics::operator+=(const KernelStatistics& other) {
  launches += other.launches;
  thread_instructions += other.thread_instructions;
  warp_instructions += other.warp_instructions;
  global_read_bytes += other.global_read_bytes;
  global_written_bytes += other.global_written_bytes;
  global_read_sectors += other.global_read_sectors;
  global_written_sectors += other.global_written_sectors;
  shared_read_bytes += other.shared_read_bytes;
  shared_written_bytes += other.shared_written_bytes;
  return *this;
}

std::map<std::string, KernelStatistics> statistics() {
  const std::lock_guard lock(table().mutex);
  return table().rows;
}

void add_statistics(const std::string& kernel, const KernelStatistics& more) {
  const std::lock_guard lock(table().mutex);
  table().rows[kernel] += more;
}

void reset_statistics() {
  const std::lock_guard lock(table().mutex);
  table().rows.clear();
}

std::string statistics_table() {
  constexpr auto row = "{:<40} {:>8} {:>14} {:>14} {:>14} {:>14} {:>14} {:>14} {:>14}\n";
  std::string text =
      fmt::format(fmt::runtime(row), "kernel", "launches", "instructions", "read", "read asked",
                  "written", "written asked", "shared read", "shared written");
  for (const auto& [name, sum] : statistics())
    text += fmt::format(fmt::runtime(row), name, sum.launches, sum.thread_instructions,
                        sum.global_read_sectors * sector_bytes, sum.global_read_bytes,
                        sum.global_written_sectors * sector_bytes, sum.global_written_bytes,
                        sum.shared_read_bytes, sum.shared_written_bytes);
  return text;
}

}  // namespace tokenwerk::emulator
