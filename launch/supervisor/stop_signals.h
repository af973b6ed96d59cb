#pragma once
/// Signals that ask a supervised run to save and stop.

#include <signal.h>

#include <array>

namespace tokenwerk {

/// While it lives, SIGINT, SIGTERM, SIGHUP and SIGUSR1 are requests, counted. One that this process
/// was told to ignore stays ignored, as nohup does with SIGHUP and a shell's & with SIGINT. SIGPIPE
/// is ignored: that nobody reads what is said any more is no reason to end.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  /// The first asks to save and stop, the second one not to wait for that.
  [[nodiscard]] int count() const;

 private:
  static constexpr std::array heard_{SIGINT, SIGTERM, SIGHUP, SIGUSR1};
  std::array<struct sigaction, heard_.size()> before_{};
  struct sigaction pipe_before_ {};
};

}  // namespace tokenwerk
