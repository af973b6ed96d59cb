#include "tests/emulator/runtime/timing.h"

#include <algorithm>
#include <array>

namespace tokenwerk::emulator {

void Timing::arrange(std::vector<cudaStream_t>& streams) {
  if (is_adversarial_) std::shuffle(streams.begin(), streams.end(), random_);
}

std::chrono::microseconds Timing::latency() {
  if (!is_adversarial_) return std::chrono::microseconds{0};
  // Short ones let streams keep in step, long ones let the host or another stream overtake by
  // several operations.
  constexpr std::array<std::uint64_t, 4> limits = {20, 20, 800, 4000};
  return std::chrono::microseconds{random_() % limits[random_() % limits.size()]};
}

}  // namespace tokenwerk::emulator
