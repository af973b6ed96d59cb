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

/// Those that Slurm gave to the job around this process, in its order; none outside of a job.
/// Throws DeviceError where Slurm does not tell.
[[nodiscard]] std::vector<Host> hosts_of_slurm_job(Index ranks_per_host);

/// Whether two names are of one host: equal, or one is the first part of the other ("n3",
/// "n3.cluster").
[[nodiscard]] bool same_host(const std::string& a, const std::string& b);

/// This machine.
[[nodiscard]] std::string own_host_name();

[[nodiscard]] Index ranks_of(const std::vector<Host>& hosts);

/// "n1, n2, n3"; of many, the first few and how many more.
[[nodiscard]] std::string names_of(const std::vector<Host>& hosts);

}  // namespace tokenwerk
