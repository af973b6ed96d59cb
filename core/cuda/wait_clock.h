#pragma once
/// How long a stream of the cuda device stands still.

#include <vector>

#include "core/cuda/check.h"
#include "core/unique_handle.h"

namespace tokenwerk::cuda {

struct TimedEventTraits {
  using Handle = cudaEvent_t;
  static Handle none() { return nullptr; }
  static void release(Handle event) noexcept;
};
using UniqueTimedEvent = UniqueHandle<TimedEventTraits>;

/// Moments of a stream in pairs, between which it waits. Two of the GPU's time stamps a wait, which
/// cost about a microsecond each of the host's time and none of the GPU's.
class WaitClock {
 public:
  void begin(cudaStream_t stream);
  void end(cudaStream_t stream);
  /// Seconds between all pairs since the last call; those that have not passed do not count.
  [[nodiscard]] double take_seconds();

 private:
  struct Wait {
    UniqueTimedEvent begin, end;
  };
  std::vector<Wait> waits_;  ///< made at the first use of each, and used again
  std::size_t used_ = 0;
};

}  // namespace tokenwerk::cuda
