#pragma once
/// Which hosts answer.

#include <chrono>
#include <vector>

#include "launch/supervisor/placement.h"
#include "launch/supervisor/stop_signals.h"

namespace tokenwerk {

/// For a host to start a program.
inline constexpr std::chrono::seconds answer_limit{30};

struct Answers {
  std::vector<Host> reached, silent;
};

/// How long hosts are asked.
struct Patience {
  const StopSignals& stop;  ///< ends it at once
  /// From then on it ends where none has answered for `limit`.
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
  std::chrono::seconds limit = answer_limit;  ///< of a host
};

/// Starts a program that does nothing on each host, many hosts at a time, by the starter that will
/// start the ranks: what it cannot reach would not run a rank either. Who had no turn before it
/// ended is silent too. This machine needs no asking.
[[nodiscard]] Answers ask_hosts(Starter starter, const std::vector<Host>& hosts,
                                const Patience& patience);

}  // namespace tokenwerk
