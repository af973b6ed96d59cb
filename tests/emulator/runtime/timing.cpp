#include "tests/emulator/runtime/timing.h"

#include <algorithm>

namespace tokenwerk::emulator {

void Timing::arrange(std::vector<cudaStream_t>& streams) {
  if (is_adversarial_) std::shuffle(streams.begin(), streams.end(), random_);
}

std::chrono::microseconds Timing::latency() {
  if (!is_adversarial_) return std::chrono::microseconds{0};
  // Mostly short, so that programs end; at times long enough for the host or another stream to
  // overtake by several operations.
  const auto kind = random_() % 8;
  const std::uint64_t limit = kind == 0 ? 4000 : kind == 1 ? 800 : 20;
  return std::chrono::microseconds{random_() % limit};
}

}  // namespace tokenwerk::emulator
