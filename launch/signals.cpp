#include "launch/signals.h"

#include <csignal>

namespace tokenwerk {
namespace {

// A signal handler reaches nothing but static storage.
volatile std::sig_atomic_t requested = 0;

void request(int signal) {
  requested = 1;
  if (signal != SIGUSR1) std::signal(signal, SIG_DFL);
}

}  // namespace

StopRequest::StopRequest(int ranks) : alone_(ranks == 1) {
  requested = 0;
  std::signal(SIGUSR1, request);
  if (alone_) {
    std::signal(SIGINT, request);
    std::signal(SIGTERM, request);
  }
}

StopRequest::~StopRequest() {
  std::signal(SIGUSR1, SIG_IGN);  // one that comes late must not end the program
  if (alone_) {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
  }
}

bool StopRequest::received() const { return requested != 0; }

}  // namespace tokenwerk
