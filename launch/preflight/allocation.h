#pragma once
/// Measures every host and link of an allocation and names those that are slower than their like:
/// `tokenwerk doctor --allocation`.

#include <filesystem>

#include "launch/injection.h"
#include "launch/preflight/outliers.h"
#include "parallel/comm/environment.h"

namespace tokenwerk {

struct AllocationOptions {
  DeviceKind device = DeviceKind::cpu;
  std::filesystem::path folder = ".";  ///< on the disk to measure
  Index disk_megabytes = 64;           ///< that every host writes there; 0: leaves the disk alone
  std::optional<double> tolerance;     ///< in place of every quantity's own
  std::vector<Injection> injections;   ///< for tests; a step is a pass
};

struct AllocationFindings {
  DeviceKind device = DeviceKind::cpu;
  Seats seats;
  std::vector<Figures> of_rank;
  std::vector<Outlier> hosts, links;
  std::vector<Exclusion> exclusions;  ///< the hosts, in the order of the seats
  std::string disk_fault;             ///< what every host has met alike: nobody's own fault
  Index passes = 0;
  double seconds = 0;
};

/// All ranks call together, and all get the same. What seems slow is measured again, up to three
/// times, and the best counts: what is named was slow each time. The caller watches for hangs
/// (MpiEnvironment::watch). Throws SharedError where ranks have no device of this kind.
[[nodiscard]] AllocationFindings examined_allocation(MpiEnvironment& environment,
                                                     const AllocationOptions& options);

/// For people: least, median and most of every quantity, all hosts where they are few, and whatever
/// is slow.
[[nodiscard]] std::string report_of(const AllocationFindings& findings);

/// What the exclude list says beside the hosts: links between hosts that are fine themselves.
[[nodiscard]] std::vector<std::string> remarks_of(const AllocationFindings& findings);

}  // namespace tokenwerk
