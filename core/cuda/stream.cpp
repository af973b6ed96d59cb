#include "core/cuda/stream.h"

#include "core/log.h"

namespace tokenwerk::cuda {

void StreamTraits::release(cudaStream_t stream) noexcept {
  if (const cudaError_t status = cudaStreamDestroy(stream); status != cudaSuccess)
    log_error("cudaStreamDestroy: {}", cudaGetErrorString(status));
}

CudaStream::CudaStream(Device& device) : Stream(device) {
  TW_CUDA(cudaStreamCreateWithFlags(stream_.receive(), cudaStreamNonBlocking));
}

Event CudaStream::record() {
  UniqueEvent& event = events_[++points_ % ring];
  if (!event) event = make_event();
  TW_CUDA(cudaEventRecord(event.get(), stream_.get()));
  return {*this, points_};
}

void CudaStream::wait_for(const Event& event) {
  if (event.stream() == nullptr || event.stream() == this) return;
  if (event.stream()->device().kind() != DeviceKind::cuda) return event.synchronize();
  const auto& other = static_cast<const CudaStream&>(*event.stream());
  begin_wait();
  TW_CUDA(cudaStreamWaitEvent(stream_.get(), other.event_of(event.point()), 0));
  end_wait();
}

std::optional<double> CudaStream::take_waits() {
  if (!waits_) return std::nullopt;
  return waits_->take_seconds();
}

void CudaStream::begin_wait() {
  if (waits_) waits_->begin(stream_.get());
}

void CudaStream::end_wait() {
  if (waits_) waits_->end(stream_.get());
}

void CudaStream::synchronize() { TW_CUDA(cudaStreamSynchronize(stream_.get())); }

void CudaStream::synchronize_until(std::uint64_t point) {
  TW_CUDA(cudaEventSynchronize(event_of(point)));
}

}  // namespace tokenwerk::cuda
