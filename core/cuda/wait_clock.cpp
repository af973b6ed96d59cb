#include "core/cuda/wait_clock.h"

namespace tokenwerk::cuda {
void WaitClock::begin(cudaStream_t stream) {
  if (used_ == waits_.size())
    waits_.push_back({make_event(cudaEventDefault), make_event(cudaEventDefault)});
  TW_CUDA(cudaEventRecord(waits_[used_].begin.get(), stream));
}

void WaitClock::end(cudaStream_t stream) {
  TW_CUDA(cudaEventRecord(waits_[used_++].end.get(), stream));
}

double WaitClock::take_seconds() {
  double seconds = 0.0;
  for (std::size_t i = 0; i < used_; ++i) {
    float milliseconds = 0.0f;
    const cudaError_t status =
        cudaEventElapsedTime(&milliseconds, waits_[i].begin.get(), waits_[i].end.get());
    if (status == cudaErrorNotReady) {
      static_cast<void>(cudaGetLastError());
      continue;
    }
    TW_CUDA(status, " of a wait");
    seconds += 1e-3 * static_cast<double>(milliseconds);
  }
  used_ = 0;
  return seconds;
}

}  // namespace tokenwerk::cuda
