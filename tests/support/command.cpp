#include "tests/support/command.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

/// What the child becomes; returns only where that fails.
void become(const std::vector<std::string>& arguments, const std::filesystem::path& folder,
            const std::filesystem::path& log, const std::map<std::string, std::string>& variables) {
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (file < 0 || ::chdir(folder.c_str()) != 0) return;
  ::dup2(file, STDOUT_FILENO);
  ::dup2(file, STDERR_FILENO);
  for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> pointers;
  for (const std::string& argument : arguments)
    pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  ::execvp(pointers[0], pointers.data());
}

}  // namespace

RunningCommand::RunningCommand(std::vector<std::string> arguments,
                               const std::filesystem::path& folder,
                               const std::map<std::string, std::string>& variables) {
  static std::atomic<int> count = 0;
  log_ = folder / ("command-" + std::to_string(count++) + ".log");
  test::write_file(log_, "");
  pid_ = ::fork();
  if (pid_ == 0) {
    become(arguments, folder, log_, variables);
    ::_exit(127);
  }
  TW_CHECK(pid_ > 0, "cannot fork");
}

RunningCommand::~RunningCommand() {
  if (ended_) return;
  ::kill(pid_, SIGKILL);
  (void)reap(0);
}

bool RunningCommand::reap(int flags) {
  int status = 0;
  rusage usage{};
  if (::wait4(pid_, &status, flags, &usage) != pid_) return false;
  ended_ = true;
  result_.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  result_.peak_rss = static_cast<std::size_t>(usage.ru_maxrss) * 1024;
  return true;
}

void RunningCommand::send(int signal) const { ::kill(pid_, signal); }

bool RunningCommand::is_running() { return !ended_ && !reap(WNOHANG); }

std::string RunningCommand::output() const { return test::read_file(log_); }

bool RunningCommand::wait_for_output(const std::string& text, std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (output().find(text) == std::string::npos) {
    if (ended_ || reap(WNOHANG) || std::chrono::steady_clock::now() > deadline)
      return output().find(text) != std::string::npos;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

CommandResult RunningCommand::wait(std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!ended_ && !reap(WNOHANG)) {
    if (std::chrono::steady_clock::now() > deadline) {
      ::kill(pid_, SIGKILL);
      (void)reap(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  result_.output = output();
  return result_;
}

CommandResult run_command(std::vector<std::string> arguments, const std::filesystem::path& folder,
                          const std::map<std::string, std::string>& variables) {
  return RunningCommand(std::move(arguments), folder, variables).wait();
}

std::vector<std::string> tokenwerk_command(int ranks, const std::vector<std::string>& arguments) {
  std::vector<std::string> command;
  if (ranks > 1) {
    command = {"mpirun", "--oversubscribe", "--bind-to", "none", "-n", std::to_string(ranks)};
  }
  const char* other = std::getenv("TOKENWERK_TEST_PROGRAM");
  command.emplace_back(other == nullptr ? TW_PROGRAM : other);
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

}  // namespace tokenwerk
