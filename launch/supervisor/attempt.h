#pragma once
/// One attempt of a supervised run, from the start of its ranks to their end.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "launch/heartbeat.h"
#include "launch/supervisor/placement.h"
#include "launch/supervisor/stop_signals.h"

namespace tokenwerk {

/// What the starter or a rank says on standard error about an end.
struct Blame {
  std::string text;  ///< the line
  std::string host;  ///< empty where it names none
  std::optional<Index> rank;
};

/// What a line says, where it is about a rank or a host that failed: of mpirun ("process rank 3
/// with PID 71 on node n2 exited on signal 9", "Process name: [[7980,1],3]"), srun ("n2: task 3:
/// Killed") or a rank of ours
/// ("rank 3 host n2: ...").
[[nodiscard]] std::optional<Blame> blame_of(const std::string& line);

struct AttemptWatch {
  Index number = 1;  ///< of the attempt
  std::filesystem::path heartbeat;
  double hang_seconds = 900;         ///< without a sign of life
  double grace_seconds = 120;        ///< from a request to stop to the end
  std::function<void()> first_step;  ///< called once, when a step has been done
};

struct AttemptEnd {
  int exit_code = 0;
  bool hung = false;          ///< and was killed
  bool stopped = false;       ///< was asked to
  bool done = false;          ///< the run reached its last step and is saved
  double seconds = 0;         ///< from the start
  double silent_seconds = 0;  ///< since the last sign of life
  std::optional<Heartbeat> last;
  std::vector<Blame> blames;
  std::string last_words;  ///< the last line on standard error before the starter's own report
};

/// Runs the command to its end. The first stop signal is passed on as SIGUSR1, which mpirun and
/// srun send to every rank (they kill the ranks after SIGINT or SIGTERM); the second, or the end of
/// the grace, kills. So does a hang.
[[nodiscard]] AttemptEnd run_attempt(const Command& command, const AttemptWatch& watch,
                                     const StopSignals& stop);

}  // namespace tokenwerk
