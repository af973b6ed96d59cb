#pragma once
/// The file beside a run's checkpoints that says which folder of the hosts' disks is this run's,
/// and which local generations in it count: `local.json`.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "parallel/checkpoint/local/local_tier.h"

namespace tokenwerk {

struct LocalMarker {
  std::string run;                     ///< sixteen hexadecimal digits, made when the run begins
  std::string directory;               ///< of the checkpoints: a copy of them is another run's
  std::optional<Index> step;           ///< of the newest generation
  std::vector<LocalSession> sessions;  ///< of which generations count

  /// Whether both know the same newest generation.
  friend bool operator==(const LocalMarker& a, const LocalMarker& b) {
    return a.run == b.run && a.step == b.step;
  }
};

[[nodiscard]] std::filesystem::path local_marker_file(const std::filesystem::path& checkpoints);

[[nodiscard]] std::string marker_text(const LocalMarker& marker);
/// Nothing where the text is of another kind.
[[nodiscard]] std::optional<LocalMarker> parse_local_marker(std::string_view text);

/// What lies beside checkpoints: a marker, or what is wrong with the file that has its name, or
/// neither.
struct FoundMarker {
  std::optional<LocalMarker> marker;
  std::string damage;
};
/// Throws UnreadableError where it is there and cannot be read.
[[nodiscard]] FoundMarker find_local_marker(const std::filesystem::path& checkpoints);
/// The same for who only watches: nothing, too, where it is damaged.
[[nodiscard]] std::optional<LocalMarker> read_local_marker(
    const std::filesystem::path& checkpoints);

/// On the disk when it returns: without it nobody finds what the hosts hold, and they outlive the
/// host that writes it. Throws DeviceError where it cannot be written.
void write_local_marker(const std::filesystem::path& checkpoints, const LocalMarker& marker);

}  // namespace tokenwerk
