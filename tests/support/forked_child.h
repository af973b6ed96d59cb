#pragma once
/// Work in a process of its own: one that dies, or for which the system is another.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>

namespace tokenwerk::test {

/// Runs work in a child process, which exits with what it returns (99 if it throws), libraries'
/// endings included.
pid_t in_child(const std::function<int()>& work);
/// Waits for its end: its exit code, or minus the signal that ended it.
[[nodiscard]] int exit_status(pid_t child);

/// A system call, or only those of them of which an argument has this value.
struct RefusedCall {
  struct Argument {
    int position = 0;
    std::uint32_t value = 0;
  };
  int number = 0;  ///< SYS_...
  int error = 0;   ///< the errno that it gets
  std::optional<Argument> argument;
};

/// The system refuses it from now on to this thread, and to what it starts: for a child. False
/// where the system does not let itself be told so.
[[nodiscard]] bool refuse(const RefusedCall& call);

}  // namespace tokenwerk::test
