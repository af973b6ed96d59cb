#include "launch/signals.h"

#include <signal.h>

#include <csignal>
#include <cstdlib>

namespace tokenwerk {
namespace {

// A signal handler reaches nothing but static storage.
volatile std::sig_atomic_t requested = 0;

void request(int signal) {
  requested = 1;
  if (signal == SIGINT) std::signal(signal, SIG_DFL);
}

/// Of this thread, and of those that it makes from then on.
void mask(int how) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  pthread_sigmask(how, &signals, nullptr);
}

/// mpirun tells its ranks so; srun, also with Open MPI's PMIx, does not.
bool under_mpirun() { return std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr; }

}  // namespace

void hold_stop_requests() { mask(SIG_BLOCK); }

StopRequest::StopRequest(int ranks) : hears_all_(ranks == 1 || !under_mpirun()) {
  requested = 0;
  std::signal(SIGUSR1, request);
  mask(SIG_UNBLOCK);
  if (hears_all_) {
    std::signal(SIGINT, request);
    std::signal(SIGTERM, request);
  }
}

StopRequest::~StopRequest() {
  // One that comes late must not end the program, whose exit code says what it did.
  std::signal(SIGUSR1, SIG_IGN);
  if (hears_all_) {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_IGN);
  }
}

bool StopRequest::received() const { return requested != 0; }

}  // namespace tokenwerk
