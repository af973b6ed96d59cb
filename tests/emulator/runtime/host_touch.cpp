#include "tests/emulator/runtime/host_touch.h"

#include <csignal>
#include <cstdio>

#include "tests/emulator/runtime/device_memory.h"

namespace tokenwerk::emulator {
namespace {

struct Watch {
  const std::byte* begin = nullptr;
  std::size_t bytes = 0;
  struct sigaction previous {};
};

Watch& watch() {
  static Watch watch;
  return watch;
}

/// Prints and hands on: when the handler returns, the access faults again, and whoever handled
/// segmentation faults before sees it. The program ends anyway, so printing may allocate and lock.
void explain(int, siginfo_t* info, void*) {
  const auto* const address = static_cast<const std::byte*>(info->si_addr);
  sigaction(SIGSEGV, &watch().previous, nullptr);
  if (address < watch().begin || address >= watch().begin + watch().bytes) return;
  const auto found = find(address);
  if (found) {
    std::fprintf(stderr,
                 "the host touched device memory at %p (byte %td of an allocation of %zu bytes)\n",
                 info->si_addr, address - found->address, found->bytes);
  } else {
    std::fprintf(stderr, "the host touched device memory at %p (not allocated: %s)\n",
                 info->si_addr, describe(address).c_str());
  }
  std::fflush(stderr);
}

}  // namespace

void watch_for_host_touches(const void* begin, std::size_t bytes) {
  watch().begin = static_cast<const std::byte*>(begin);
  watch().bytes = bytes;
  struct sigaction action {};
  action.sa_sigaction = explain;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &watch().previous);
}

}  // namespace tokenwerk::emulator
