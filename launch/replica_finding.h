#pragma once
/// What ranks that compare themselves with their replicas have found, and how a run ends by it.

#include <functional>
#include <optional>
#include <string>

#include "launch/run_log.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// One rank's; nothing: an empty text.
struct ReplicaFinding {
  /// Names who is to blame as a dying rank names itself, "rank 3 host n2: ..."; no such words where
  /// nobody can be blamed.
  std::string text = {};
  std::optional<Index> odd = {};  ///< the rank to blame, or the first of several
  std::string host = {};
  Index knows = 0;  ///< of several findings the one that knows most speaks; 1 to 7
};

/// Collective: the finding that speaks for all ranks; of those that know as much the lowest rank's.
[[nodiscard]] ReplicaFinding shared_finding(Communicator& ranks, const ReplicaFinding& mine);

/// Where there is a finding, the same on all ranks: calls `before_end`, tells of the event
/// `replicas_differ` and throws a SharedError (wrong_machine).
void end_by(const ReplicaFinding& finding, Index step, RunLog& log,
            const std::function<void()>& before_end);

}  // namespace tokenwerk
