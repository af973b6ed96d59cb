#pragma once
/// Keeps a run alive: starts its ranks, restarts them from the last good checkpoint after any
/// death, on the hosts that are left.

#include "launch/supervisor/stop_signals.h"
#include "launch/supervisor/supervisor_options.h"

namespace tokenwerk {

/// The command of the first attempt, for a recipe whose data may be elsewhere.
[[nodiscard]] Command first_command(const SupervisorOptions& options);

/// Runs to the end, or until `stop` asks for it. The exit code: that of the run where it ends in
/// order (done, stopped by policy or signal) or where no restart can help (wrong recipe or data);
/// wrong_machine where restarts bring no progress any more; stopped_by_signal where it was asked to
/// stop, even if it could not save. Writes events.jsonl. Throws ConfigError for a recipe that is
/// not legal on these ranks, or where too few hosts are left in.
[[nodiscard]] int supervise(const SupervisorOptions& options, const StopSignals& stop);

}  // namespace tokenwerk
