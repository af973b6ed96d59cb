#pragma once
/// How long a stream of the cuda device stands still.

#include <vector>

#include "core/cuda/event.h"

namespace tokenwerk::cuda {

/// Moments of a stream in pairs, between which it waits: two of the GPU's time stamps a wait. What
/// queueing them costs the host was never measured on a GPU.
class WaitClock {
 public:
  void begin(cudaStream_t stream);
  void end(cudaStream_t stream);
  /// Seconds between all pairs since the last call; those that have not passed do not count.
  [[nodiscard]] double take_seconds();

 private:
  struct Wait {
    UniqueEvent begin, end;
  };
  std::vector<Wait> waits_;  ///< made at the first use of each, and used again
  std::size_t used_ = 0;
};

}  // namespace tokenwerk::cuda
