#pragma once
/// The file beside a run's checkpoints that says which folder of the hosts' disks is this run's,
/// and how far its local generations have come: `local.json`.

#include <filesystem>
#include <optional>
#include <string>

#include "core/dtype.h"

namespace tokenwerk {

struct LocalMarker {
  std::string run;            ///< sixteen hexadecimal digits, made when the run begins
  std::optional<Index> step;  ///< of the newest generation
  friend bool operator==(const LocalMarker&, const LocalMarker&) = default;
};

[[nodiscard]] std::filesystem::path local_marker_file(const std::filesystem::path& checkpoints);

/// Nothing where there is none, or it is of another kind.
[[nodiscard]] std::optional<LocalMarker> read_local_marker(
    const std::filesystem::path& checkpoints);

/// Not synced: whoever restarts the run asks on a machine that lives. Throws CheckpointError where
/// it cannot be written.
void write_local_marker(const std::filesystem::path& checkpoints, const LocalMarker& marker);

}  // namespace tokenwerk
