#include "launch/supervisor/stop_signals.h"

#include <signal.h>

#include <initializer_list>

namespace tokenwerk {
namespace {

// A signal handler reaches nothing but static storage.
volatile sig_atomic_t requests = 0;

void request(int /*signal*/) { requests = requests + 1; }

void handle(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;  // without SA_RESTART: what waits wakes up
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaction(signal, &action, nullptr);
}

}  // namespace

StopSignals::StopSignals() {
  requests = 0;
  handle(request);
}

StopSignals::~StopSignals() { handle(SIG_DFL); }

int StopSignals::count() const { return requests; }

}  // namespace tokenwerk
