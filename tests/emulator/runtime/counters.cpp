#include "tests/emulator/runtime/counters.h"

#include <algorithm>
#include <mutex>

namespace tokenwerk::emulator {
namespace {

struct Shared {
  std::mutex mutex;
  Counters counters;
};

Shared& shared() {
  static Shared shared;
  return shared;
}

}  // namespace

Counters counters() {
  const std::scoped_lock lock(shared().mutex);
  return shared().counters;
}

void count(std::int64_t Counters::*which, std::int64_t amount) {
  const std::scoped_lock lock(shared().mutex);
  auto& counters = shared().counters;
  counters.*which += amount;
  counters.peak_bytes = std::max(counters.peak_bytes, counters.bytes_in_use);
}

void reset_peak_bytes() {
  const std::scoped_lock lock(shared().mutex);
  shared().counters.peak_bytes = shared().counters.bytes_in_use;
}

}  // namespace tokenwerk::emulator
