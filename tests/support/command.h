#pragma once
/// Running the real program, alone or under mpirun, as a user would.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tokenwerk {

struct CommandResult {
  int exit_code = 0;         ///< 128 + n where signal n ended it
  std::string output;        ///< standard output and error
  std::size_t peak_rss = 0;  ///< bytes, of the largest process
};

/// A command that runs beside the test; what is still running when it ends is killed.
class RunningCommand {
 public:
  /// Output goes to a file in `folder`, which is also the working directory. Variables are added to
  /// the environment.
  RunningCommand(std::vector<std::string> arguments, const std::filesystem::path& folder,
                 const std::map<std::string, std::string>& variables = {});
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;
  ~RunningCommand();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool is_running();
  /// Sends a signal to the process (not to its children).
  void send(int signal) const;
  /// Everything written so far.
  [[nodiscard]] std::string output() const;
  /// Waits until the output holds the text; false after `limit` or when the command has ended
  /// without it.
  [[nodiscard]] bool wait_for_output(const std::string& text, std::chrono::seconds limit);
  /// Waits for the end; kills the process after `limit` (exit code 137).
  [[nodiscard]] CommandResult wait(std::chrono::seconds limit = std::chrono::seconds(240));

 private:
  [[nodiscard]] bool reap(int flags);

  std::filesystem::path log_;
  pid_t pid_ = -1;
  bool ended_ = false;
  CommandResult result_;
};

/// Runs to the end.
[[nodiscard]] CommandResult run_command(std::vector<std::string> arguments,
                                        const std::filesystem::path& folder,
                                        const std::map<std::string, std::string>& variables = {});

/// The program `tokenwerk`, or the one that TOKENWERK_TEST_PROGRAM names, with these arguments, on
/// one rank or on several under mpirun.
[[nodiscard]] std::vector<std::string> tokenwerk_command(int ranks,
                                                         const std::vector<std::string>& arguments);

}  // namespace tokenwerk
