#pragma once
/// events.jsonl in log.directory: what happened to a run beside its steps, one JSON object a line.

#include <filesystem>
#include <optional>
#include <string>

#include "core/dtype.h"
#include "launch/append_file.h"

namespace tokenwerk {

/// What, who, when (written with it), and what it cost. What does not apply is left out.
struct RunEvent {
  /// "start", "resume", "died", "hang", "restart", "saved", "skip", "preflight", "done", ...
  std::string name;
  std::optional<Index> attempt = {};  ///< of the supervisor, from 1
  std::optional<Index> step = {};     ///< the last one done; of a bad step its own number
  std::optional<Index> rank = {};
  std::string host = {};
  std::optional<Index> ranks = {};
  std::optional<Index> exit_code = {};
  std::optional<double> loss = {};  ///< of a bad step; null in the file if it is not finite
  std::optional<double> grad_norm = {};
  std::optional<double> z_score = {};
  std::optional<double> seconds_lost = {};
  std::string what = {};
};

/// A line without its end; `unix_seconds` becomes ISO 8601, UTC, with milliseconds.
[[nodiscard]] std::string json_line(const RunEvent& event, double unix_seconds);

[[nodiscard]] double unix_seconds_now();

/// Appends; trainer and supervisor do so in turns.
class EventLog {
 public:
  explicit EventLog(const std::filesystem::path& log_directory);

  /// Whatever happens to the file, the run goes on (launch/append_file.h).
  void write(const RunEvent& event) const;
  /// Writes what could not be written before.
  void retry() const;

  /// When the first of these events was; nothing where there is none yet.
  [[nodiscard]] std::optional<double> began() const;

  /// Leaves what is there as events.previous.jsonl, but for the pre-flight at its end: another run
  /// begins, which that belongs to.
  void begin_anew() const;

 private:
  void append(std::string lines) const;

  std::filesystem::path path_;
  mutable AppendFile file_;  ///< with what it still has to write
};

}  // namespace tokenwerk
