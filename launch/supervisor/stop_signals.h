#pragma once
/// Signals that ask a supervised run to save and stop.

namespace tokenwerk {

/// While it lives, SIGINT, SIGTERM, SIGHUP and SIGUSR1 are requests, counted.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  /// The first asks to save and stop, the second one not to wait for that.
  [[nodiscard]] int count() const;
};

}  // namespace tokenwerk
