#pragma once
/// The ends of attempts as lines of events.jsonl.

#include "launch/events.h"
#include "launch/supervisor/attempt.h"

namespace tokenwerk {

/// "died" or "hang": where it was, who is blamed first, and what was said before the end. The
/// seconds lost are the caller's to add.
[[nodiscard]] RunEvent death_of(const AttemptEnd& end, const Placement& placement, Index attempt);

/// "gave_up" of an attempt that ended with a code that no restart would change.
[[nodiscard]] RunEvent final_end_of(const AttemptEnd& end, Index attempt);

}  // namespace tokenwerk
