#pragma once
/// The sign of life that a supervised run gives: the first rank writes it into log.directory, the
/// supervisor reads it. A rank that waits for ever in a collective gives none.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/dtype.h"
#include "core/file_descriptor.h"

namespace tokenwerk {

/// The name of the variable by which a supervisor tells ranks that they are supervised, and in
/// which attempt they are (from 1).
inline constexpr const char* attempt_variable = "TOKENWERK_ATTEMPT";

/// The attempt that this rank belongs to; nothing where no supervisor started it.
[[nodiscard]] std::optional<Index> own_attempt();

/// From the start of a rank until the run is as it was when it was saved.
inline constexpr std::string_view loading_phase = "loading";

/// The last one of a run that has reached its last step and is saved.
inline constexpr std::string_view done_phase = "done";

struct Heartbeat {
  Index attempt = 0;
  Index started = 0;  ///< unix nanoseconds, of who gives it: no two launches have equal ones
  Index beat = 0;     ///< grows with each
  Index step = 0;     ///< done
  std::string phase;  ///< what is being done: "loading", "step", "validating", "saving"
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

/// The file in log.directory.
[[nodiscard]] std::filesystem::path heartbeat_file(const std::filesystem::path& log_directory);

/// What stands in the file; nothing where it is missing or of another kind.
[[nodiscard]] std::optional<Heartbeat> read_heartbeat(const std::filesystem::path& file);

class HeartbeatWriter {
 public:
  /// Writes nothing unless this rank is the first one and supervised.
  HeartbeatWriter(const std::filesystem::path& log_directory, int rank);

  /// A file that cannot be written is warned of and tried again at the next beat: after too many
  /// the supervisor speaks of a hang.
  void beat(std::string_view phase, Index step);

 private:
  std::filesystem::path path_;
  FileDescriptor file_;
  Heartbeat last_;
  bool gives_ = false;    ///< this rank is the one
  bool failing_ = false;  ///< the last beat was not written
};

}  // namespace tokenwerk
