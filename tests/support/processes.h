#pragma once
/// The processes below one of ours, as /proc shows them: whom a test may kill.

#include <sys/types.h>

#include <filesystem>
#include <vector>

namespace tokenwerk {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  std::filesystem::path program;  ///< the file that it runs
};

/// Children, their children, and so on; none that has ended and is not waited for yet.
[[nodiscard]] std::vector<Process> descendants_of(pid_t ancestor);

/// Whether it is there and has not ended.
[[nodiscard]] bool is_running(pid_t pid);

}  // namespace tokenwerk
