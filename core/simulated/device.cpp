#include "core/simulated/device.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "core/error.h"
#include "core/simulated/operations.h"

namespace tokenwerk {
namespace {

constexpr std::size_t alignment = 64;
/// No machine has as much; below it no sum of what is in use overflows.
constexpr std::size_t absurd = std::size_t{1} << 60;

/// Whatever it is given has been done at once.
class SimulatedStream final : public Stream {
 public:
  using Stream::Stream;
  Event record() override { return {}; }
  void wait_for(const Event&) override {}
  void synchronize() override {}
  void synchronize_until(std::uint64_t) override {}
};

class SimulatedDevice final : public Device {
 public:
  [[nodiscard]] DeviceKind kind() const override { return DeviceKind::simulated; }
  [[nodiscard]] DeviceFacts facts() const override { return {"simulated", absurd}; }
  [[nodiscard]] std::unique_ptr<Stream> make_stream() override {
    return std::make_unique<SimulatedStream>(*this);
  }
  [[nodiscard]] const Operations& operations() const override { return operations_.table(); }

  [[nodiscard]] void* allocate(std::size_t bytes) override;
  void release(void*, std::size_t bytes) noexcept override {
    const std::scoped_lock lock(mutex_);
    statistics_.current -= bytes;
  }
  void copy_from_host(Stream&, void*, const void*, std::size_t) override {}
  void copy_to_host(Stream&, void* to, const void*, std::size_t bytes) override {
    std::memset(to, 0, bytes);
  }
  void copy(Stream&, void*, const void*, std::size_t) override {}
  void synchronize() override {}
  [[nodiscard]] MemoryStatistics memory() const override {
    const std::scoped_lock lock(mutex_);
    return statistics_;
  }
  void reset_peak() override {
    const std::scoped_lock lock(mutex_);
    statistics_.peak = statistics_.current;
  }

 private:
  simulated::NoOperations operations_;
  mutable std::mutex mutex_;
  std::size_t next_ = alignment;  ///< address of the next array: none is given twice
  MemoryStatistics statistics_;
};

void* SimulatedDevice::allocate(std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  TW_CHECK_AS(DeviceError, bytes < absurd && statistics_.current + bytes < absurd,
              "out of simulated memory: ", bytes, " bytes wanted, ", statistics_.current,
              " in use");
  statistics_.current += bytes;
  statistics_.peak = std::max(statistics_.peak, statistics_.current);
  ++statistics_.allocations;
  const std::size_t address = next_;
  next_ += (std::max(bytes, std::size_t{1}) + alignment - 1) / alignment * alignment;
  return reinterpret_cast<void*>(address);  // NOLINT: nobody follows it
}

}  // namespace

std::unique_ptr<Device> simulated::make_device() { return std::make_unique<SimulatedDevice>(); }

}  // namespace tokenwerk
