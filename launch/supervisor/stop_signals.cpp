#include "launch/supervisor/stop_signals.h"

namespace tokenwerk {
namespace {

// A signal handler reaches nothing but static storage.
volatile sig_atomic_t requests = 0;

void request(int /*signal*/) { requests = requests + 1; }

}  // namespace

StopSignals::StopSignals() {
  requests = 0;
  struct sigaction action {};
  action.sa_handler = request;  // without SA_RESTART: what waits wakes up
  for (std::size_t i = 0; i < heard_.size(); ++i) {
    sigaction(heard_[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) sigaction(heard_[i], &action, nullptr);
  }
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, &pipe_before_);
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < heard_.size(); ++i) sigaction(heard_[i], &before_[i], nullptr);
  sigaction(SIGPIPE, &pipe_before_, nullptr);
}

int StopSignals::count() const { return requests; }

}  // namespace tokenwerk
