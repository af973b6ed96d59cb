#pragma once
/// What this process asked of the emulated devices, for tests.

#include <cstddef>
#include <cstdint>

namespace tokenwerk::emulator {

struct Counters {
  std::int64_t allocations = 0;       ///< calls of cudaMalloc and cudaMallocAsync
  std::int64_t frees = 0;             ///< calls of cudaFree and cudaFreeAsync
  std::int64_t host_allocations = 0;  ///< calls of cudaMallocHost and cudaHostAlloc
  std::int64_t bytes_in_use = 0;      ///< device memory, as asked for
  std::int64_t peak_bytes = 0;
  std::int64_t copies = 0;
  std::int64_t copied_bytes = 0;
  std::int64_t memsets = 0;
  std::int64_t launches = 0;
  std::int64_t streams = 0;  ///< that live
  std::int64_t events = 0;   ///< that live
  std::int64_t event_records = 0;
  std::int64_t event_waits = 0;
  std::int64_t synchronizations = 0;  ///< calls that made the host wait
};

/// The counts so far.
[[nodiscard]] Counters counters();

/// Adds to one count: `count(&Counters::copies)`.
void count(std::int64_t Counters::*which, std::int64_t amount = 1);

/// A kernel launch was accepted; the launch entry points call it.
inline void count_launch() { count(&Counters::launches); }

/// Begins the peak again at what is in use now.
void reset_peak_bytes();

}  // namespace tokenwerk::emulator
