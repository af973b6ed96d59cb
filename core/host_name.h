#pragma once
/// The name of this host.

#include <string>

namespace tokenwerk {

/// As the system has it; "unknown" where it has none.
[[nodiscard]] std::string host_name();

}  // namespace tokenwerk
