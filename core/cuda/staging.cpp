#include "core/cuda/staging.h"

#include <algorithm>
#include <cstring>

#include "core/log.h"

namespace tokenwerk::cuda {

void PinnedTraits::release(void* data) noexcept {
  if (const cudaError_t status = cudaFreeHost(data); status != cudaSuccess)
    log_error("cudaFreeHost: {}", cudaGetErrorString(status));
}

Staging::Buffer& Staging::next() {
  Buffer& buffer = buffers_[turn_++ % buffers_.size()];
  if (buffer.data) {
    TW_CUDA(cudaEventSynchronize(buffer.passed.get()));
  } else {
    TW_CUDA(cudaMallocHost(buffer.data.receive(), buffer_bytes));
    buffer.passed = make_event();
  }
  return buffer;
}

void Staging::to_device(cudaStream_t stream, void* to, const void* from, std::size_t bytes) {
  for (std::size_t done = 0; done < bytes; done += buffer_bytes) {
    const std::size_t count = std::min(buffer_bytes, bytes - done);
    Buffer& buffer = next();
    std::memcpy(buffer.data.get(), static_cast<const std::byte*>(from) + done, count);
    TW_CUDA(cudaMemcpyAsync(static_cast<std::byte*>(to) + done, buffer.data.get(), count,
                            cudaMemcpyHostToDevice, stream));
    TW_CUDA(cudaEventRecord(buffer.passed.get(), stream));
  }
}

void Staging::to_host(cudaStream_t stream, void* to, const void* from, std::size_t bytes) {
  struct Arrival {
    const Buffer* buffer;
    std::byte* to;
    std::size_t bytes;
  };
  std::array<Arrival, 2> under_way{};
  const auto land = [](Arrival& arrival) {
    if (arrival.buffer == nullptr) return;
    TW_CUDA(cudaEventSynchronize(arrival.buffer->passed.get()));
    std::memcpy(arrival.to, arrival.buffer->data.get(), arrival.bytes);
    arrival = {};
  };
  std::size_t copies = 0;
  for (std::size_t done = 0; done < bytes; done += buffer_bytes, ++copies) {
    Arrival& arrival = under_way[copies % under_way.size()];
    land(arrival);
    const std::size_t count = std::min(buffer_bytes, bytes - done);
    Buffer& buffer = next();
    TW_CUDA(cudaMemcpyAsync(buffer.data.get(), static_cast<const std::byte*>(from) + done, count,
                            cudaMemcpyDeviceToHost, stream));
    TW_CUDA(cudaEventRecord(buffer.passed.get(), stream));
    arrival = {&buffer, static_cast<std::byte*>(to) + done, count};
  }
  land(under_way[copies % 2]);
  land(under_way[(copies + 1) % 2]);
}

}  // namespace tokenwerk::cuda
