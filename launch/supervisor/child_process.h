#pragma once
/// A program that runs beside this one, in a process group of its own.

#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/file_descriptor.h"

namespace tokenwerk {

/// Gets the lines of one of a program's streams, each without its end, while it is waited for.
struct LineListener {
  int stream = STDERR_FILENO;  ///< or STDOUT_FILENO; the other one is ours
  std::function<void(const std::string&)> take;
};

class ChildProcess {
 public:
  /// Starts arguments[0], looked for in PATH, with these variables added to the environment. The
  /// system ends the program (SIGTERM) where this process dies; SIGPIPE does not. Throws
  /// DeviceError where it cannot be started.
  ChildProcess(const std::vector<std::string>& arguments,
               const std::map<std::string, std::string>& variables, LineListener listener = {});
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  /// Kills what still runs of its group.
  ~ChildProcess();

  /// Waits at most so long for the end; its exit code, 128 + n where signal n ended it. A signal
  /// that this process gets ends the wait early.
  [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds limit);

  /// Sends a signal to the process alone, which passes on to its own what they shall have.
  void send(int signal) const;
  /// Sends a signal to the whole group.
  void send_to_group(int signal) const;

 private:
  void take_lines(std::chrono::milliseconds limit);

  pid_t pid_ = -1;
  std::optional<int> exit_code_;
  LineListener listener_;
  FileDescriptor heard_;  ///< the stream that is listened to
  std::string rest_;      ///< of it: a line whose end has not come
};

/// The lines that a command prints; nothing where it fails or takes longer.
[[nodiscard]] std::optional<std::vector<std::string>> output_of(
    const std::vector<std::string>& arguments, std::chrono::seconds limit);

}  // namespace tokenwerk
