#pragma once
/// What the machine under this rank can do, by measuring and by asking.

#include <filesystem>
#include <string>
#include <vector>

#include "core/device.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// FLOP/s of the fastest of some matrix products (N,C) @ (F,C)^T of 2 N C F operations, over about
/// 0.3 s: what MFU divides by. It is the share of this rank: where ranks share cores, let all of
/// them measure at the same time.
[[nodiscard]] double measured_matrix_peak(Device& device, Stream& stream, DType dtype);

/// The sum over all ranks, which measure at the same time. On a device of its own, so that the
/// memory peak of the caller's stays.
[[nodiscard]] double measured_matrix_peak(Communicator& ranks, DType dtype);

/// Bytes/s of a[i] = b[i] + s c[i] over arrays much larger than caches, counting the three arrays
/// once each, as STREAM does (McCalpin 1995). The fastest of some passes over about 0.3 s.
[[nodiscard]] double measured_memory_bandwidth(Device& device);

/// Bytes/s.
struct DiskSpeed {
  double write = 0;  ///< to the end of fsync
  double read = 0;   ///< after the page cache was asked to forget the file
};
/// Of a file of this size in a folder. Throws Error naming the folder when it cannot be written or
/// read; leaves nothing behind.
[[nodiscard]] DiskSpeed measured_disk_speed(const std::filesystem::path& folder, std::size_t bytes);

/// What this process may run on: hardware threads as the system counts them, and the cores that
/// they belong to; `present` are all hardware threads of the host.
struct Cores {
  int usable = 1;
  int physical = 1;
  int present = 1;
};
[[nodiscard]] Cores cores();

/// The number of cores that these hardware threads belong to, as `system` tells it (thread_siblings
/// of Linux's sysfs-devices-system-cpu); one each where it says nothing.
[[nodiscard]] int physical_cores(const std::vector<int>& hardware_threads,
                                 const std::filesystem::path& system = "/sys/devices/system/cpu");

/// Bytes that processes here may use: the host's, or what the control group of a container or of a
/// Slurm job leaves of them.
struct HostMemory {
  std::size_t total = 0;
  std::size_t available = 0;
};
[[nodiscard]] HostMemory host_memory();

}  // namespace tokenwerk
