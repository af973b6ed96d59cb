#pragma once
/// Streams and events of the cuda device.

#include <array>
#include <optional>

#include "core/cuda/event.h"
#include "core/cuda/wait_clock.h"
#include "core/device.h"
#include "core/unique_handle.h"

namespace tokenwerk::cuda {

struct StreamTraits {
  using Handle = cudaStream_t;
  static Handle none() { return nullptr; }
  static void release(Handle stream) noexcept;
};
using UniqueStream = UniqueHandle<StreamTraits>;

/// A stream that runs beside all others. Points lie in a ring of events: whoever waits for one that
/// is gone from the ring waits for a later point of the same stream.
class CudaStream final : public Stream {
 public:
  explicit CudaStream(Device& device);

  [[nodiscard]] cudaStream_t handle() const { return stream_.get(); }
  [[nodiscard]] Event record() override;
  void wait_for(const Event& event) override;
  void synchronize() override;
  void synchronize_until(std::uint64_t point) override;
  void count_waits() override { waits_.emplace(); }
  [[nodiscard]] std::optional<double> take_waits() override;

  /// What is queued between the two waits for other ranks.
  void begin_wait();
  void end_wait();

 private:
  static constexpr std::size_t ring = 1024;
  [[nodiscard]] cudaEvent_t event_of(std::uint64_t point) const {
    return events_[point % ring].get();
  }

  UniqueStream stream_;
  std::array<UniqueEvent, ring> events_;  ///< made at the first use of each
  std::uint64_t points_ = 0;
  std::optional<WaitClock> waits_;  ///< where they are counted
};

/// The runtime's handle of a stream that a cuda device made.
[[nodiscard]] inline cudaStream_t handle_of(Stream& stream) {
  return static_cast<CudaStream&>(stream).handle();
}

}  // namespace tokenwerk::cuda
