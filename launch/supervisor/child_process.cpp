#include "launch/supervisor/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/error.h"

extern char** environ;

namespace tokenwerk {
namespace {

struct Pipe {
  FileDescriptor read, write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  TW_CHECK_AS(DeviceError, ::pipe2(ends.data(), O_CLOEXEC) == 0,
              "no pipe can be made: ", std::strerror(errno));
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// Ours, with these instead of those of the same names.
std::vector<std::string> environment_with(const std::map<std::string, std::string>& variables) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!variables.contains(std::string(text.substr(0, text.find('='))))) out.emplace_back(text);
  }
  for (const auto& [name, value] : variables) out.push_back(name + "=" + value);
  return out;
}

/// mpirun ends its ranks after ten SIGPIPEs, for which it has a handler: to ignore it would be
/// undone. Blocked, it leaves a failed write, after which mpirun drops what it has. Ranks begin
/// with nothing blocked.
void block_broken_pipes() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGPIPE);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
}

/// What the child does between fork and exec: nothing that may take memory or a lock. Reports why
/// exec failed through the pipe.
[[noreturn]] void become(char* const* arguments, char* const* environment, pid_t parent, int stream,
                         int heard, int report) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() == parent) {
    if (heard >= 0) ::dup2(heard, stream);
    // After exec what is heard here is back at its default, and what is ignored stays so: but not
    // what a supervisor sends.
    for (const int signal : {SIGTERM, SIGUSR1, SIGPIPE}) ::signal(signal, SIG_DFL);
    block_broken_pipes();
    ::execvpe(arguments[0], arguments, environment);
  }
  const int fault = errno;
  [[maybe_unused]] const ssize_t written = ::write(report, &fault, sizeof fault);
  ::_exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments,
                           const std::map<std::string, std::string>& variables,
                           LineListener listener)
    : listener_(std::move(listener)) {
  std::vector<std::string> own_arguments = arguments, environment = environment_with(variables);
  const std::vector<char*> argument_list = pointers_to(own_arguments);
  const std::vector<char*> environment_list = pointers_to(environment);
  Pipe heard, report = make_pipe();
  if (listener_.take) heard = make_pipe();
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  TW_CHECK_AS(DeviceError, pid_ >= 0, "no process can be made: ", std::strerror(errno));
  if (pid_ == 0)
    become(argument_list.data(), environment_list.data(), parent, listener_.stream,
           heard.write.get(), report.write.get());
  ::setpgid(pid_, pid_);  // as the child does: whoever is first
  report.write = {};
  int fault = 0;
  if (::read(report.read.get(), &fault, sizeof fault) == sizeof fault) {
    ::waitpid(pid_, nullptr, 0);
    TW_RAISE(DeviceError, arguments.front(), " cannot be started: ", std::strerror(fault));
  }
  heard_ = std::move(heard.read);
}

ChildProcess::~ChildProcess() {
  send_to_group(SIGKILL);
  if (!exit_code_) ::waitpid(pid_, nullptr, 0);
}

std::optional<int> ChildProcess::wait(std::chrono::milliseconds limit) {
  if (exit_code_) return exit_code_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) {
    take_lines(limit);
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  }
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  take_lines({});
  return exit_code_;
}

void ChildProcess::take_lines(std::chrono::milliseconds limit) {
  constexpr int most_at_a_time = 64;       // who never stops talking is still watched
  pollfd wanted{heard_.get(), POLLIN, 0};  // a descriptor of -1 is only a wait
  std::array<char, 4096> bytes{};
  for (int i = 0; i < most_at_a_time; ++i) {
    if (::poll(&wanted, 1, static_cast<int>(limit.count())) <= 0) return;
    const ssize_t count = ::read(heard_.get(), bytes.data(), bytes.size());
    if (count <= 0) {
      if (!rest_.empty()) listener_.take(std::exchange(rest_, {}));
      heard_ = {};
      return;
    }
    rest_.append(bytes.data(), static_cast<std::size_t>(count));
    for (std::size_t end; (end = rest_.find('\n')) != std::string::npos; rest_.erase(0, end + 1)) {
      listener_.take(rest_.substr(0, end));
    }
    limit = {};
  }
}

void ChildProcess::send(int signal) const {
  if (!exit_code_) ::kill(pid_, signal);
}

void ChildProcess::send_to_group(int signal) const { ::kill(-pid_, signal); }

std::optional<std::vector<std::string>> output_of(const std::vector<std::string>& arguments,
                                                  std::chrono::seconds limit) {
  std::vector<std::string> lines;
  ChildProcess child(arguments, {},
                     {STDOUT_FILENO, [&lines](const std::string& line) { lines.push_back(line); }});
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < deadline) {
    if (const auto code = child.wait(std::chrono::milliseconds(100))) {
      if (*code != 0) return std::nullopt;
      return lines;
    }
  }
  return std::nullopt;
}

}  // namespace tokenwerk
