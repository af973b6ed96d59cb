/// With TOKENWERK_EMULATED_REPORT set, a process that ends says what it asked of the device.

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>

#include "tests/emulator/runtime/counters.h"

namespace tokenwerk::emulator {
namespace {

class Report {
 public:
  Report() { static_cast<void>(counters()); }  // ends after this
  ~Report() {
    if (std::getenv("TOKENWERK_EMULATED_REPORT") == nullptr) return;
    const Counters c = counters();
    fmt::print(stderr, "emulated: {} allocations, {} host allocations, {} streams, {} events\n",
               c.allocations, c.host_allocations, c.streams, c.events);
  }
};
const Report report;

}  // namespace
}  // namespace tokenwerk::emulator
