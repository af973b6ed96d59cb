#pragma once
/// The hosts of a run, and how many ranks each takes.

#include <string>
#include <vector>

#include "core/dtype.h"

namespace tokenwerk {

struct Host {
  std::string name;
  Index ranks = 1;  ///< at most
  friend bool operator==(const Host&, const Host&) = default;
};

/// From a list, "n1,n2:4", or from a file with a host a line, "n1", "n1:4" or mpirun's "n1
/// slots=4", where # begins a comment. What names no number takes `ranks_per_host`. Throws one
/// ConfigError that lists every fault: names given twice, numbers that are none.
[[nodiscard]] std::vector<Host> read_hosts(const std::string& file_or_list, Index ranks_per_host);

/// Those that Slurm gave to the job around this process, in its order; none outside of a job.
/// Throws DeviceError where Slurm does not tell.
[[nodiscard]] std::vector<Host> hosts_of_slurm_job(Index ranks_per_host);

/// This machine.
[[nodiscard]] std::string own_host_name();

[[nodiscard]] Index ranks_of(const std::vector<Host>& hosts);

/// "n1, n2, n3"; of many, the first few and how many more.
[[nodiscard]] std::string names_of(const std::vector<Host>& hosts);

}  // namespace tokenwerk
