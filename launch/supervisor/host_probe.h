#pragma once
/// Which hosts answer.

#include <chrono>
#include <vector>

#include "launch/supervisor/placement.h"

namespace tokenwerk {

/// For a host to start a program.
inline constexpr std::chrono::seconds answer_limit{30};

struct Answers {
  std::vector<Host> reached, silent;
};

/// Starts a program that does nothing on each host, some hosts at a time, by the starter that will
/// start the ranks: what it cannot reach within `limit` would not run a rank either. This machine
/// needs no asking.
[[nodiscard]] Answers ask_hosts(Starter starter, const std::vector<Host>& hosts,
                                std::chrono::seconds limit = answer_limit);

}  // namespace tokenwerk
