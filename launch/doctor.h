#pragma once
/// The report behind `tokenwerk doctor`.

#include <filesystem>
#include <string>

#include "parallel/comm/environment.h"

namespace tokenwerk {

struct DoctorOptions {
  std::filesystem::path folder = ".";  ///< on the disk to measure
  Index disk_megabytes = 256;          ///< to write there; 0: leaves the disk alone
};

/// What this binary was built from and runs with.
[[nodiscard]] std::string binary_report(const MpiEnvironment& environment);

/// What this rank's machine has and can do, measured over about two seconds. All ranks measure
/// together, so that those of one host share it as they do in training.
[[nodiscard]] std::string machine_report(const MpiEnvironment& environment,
                                         const DoctorOptions& options);

/// Both, of all ranks, on the first one. Every rank calls.
[[nodiscard]] std::string doctor_report(MpiEnvironment& environment, const DoctorOptions& options);

}  // namespace tokenwerk
