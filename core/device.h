#pragma once
/// What a rank has exactly one of: memory, streams and operations.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/dtype.h"

namespace tokenwerk {

class Device;
class Stream;
struct Operations;

/// simulated: memory is counted and never touched, operations do nothing.
enum class DeviceKind { cpu, cuda, simulated };

/// A point in a stream's work; must not outlive the stream. A default-made one has always passed.
class Event {
 public:
  Event() = default;
  Event(Stream& stream, std::uint64_t point) : stream_(&stream), point_(point) {}

  /// Null: it has always passed.
  [[nodiscard]] Stream* stream() const { return stream_; }
  /// What the stream counts its points by.
  [[nodiscard]] std::uint64_t point() const { return point_; }
  /// Blocks the calling thread until the point has passed; errors of the work are thrown here.
  void synchronize() const;

 private:
  Stream* stream_ = nullptr;
  std::uint64_t point_ = 0;
};

/// An ordered queue of work on a device. The cpu device's own streams run their work at once, on
/// the caller; a communicator's stream runs beside it (parallel/comm), a cuda stream beside all.
///
/// Memory follows the stream on which a device's operations run: an array may end when that stream
/// has been told to wait for whatever else uses it, and another stream waits for that one before it
/// touches a new array.
class Stream {
 public:
  explicit Stream(Device& device) : device_(&device) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  [[nodiscard]] Device& device() const { return *device_; }
  /// The point after all work given so far.
  [[nodiscard]] virtual Event record() = 0;
  /// Work given from now on starts after the event, of this stream or any other.
  virtual void wait_for(const Event& event) = 0;
  /// Blocks the calling thread until the work given before a point of `record` is done.
  virtual void synchronize_until(std::uint64_t point) = 0;
  /// Returns when all work given so far is done; errors of that work are thrown here.
  virtual void synchronize() = 0;
  /// From now on counts the time for which this stream's work stands still: for other streams, and
  /// in collectives that are queued on it. Only a stream that runs beside the caller can.
  virtual void count_waits() {}
  /// Seconds so counted since the last call, of waits that are over; nothing where none are
  /// counted.
  [[nodiscard]] virtual std::optional<double> take_waits() { return {}; }

 private:
  Device* device_;
};

inline void Event::synchronize() const {
  if (stream_ != nullptr) stream_->synchronize_until(point_);
}

/// Bytes handed out by a device's allocator.
struct MemoryStatistics {
  std::size_t current = 0;
  std::size_t peak = 0;
  std::size_t allocations = 0;  ///< calls of allocate so far
  /// How often the system or the driver was asked for large memory.
  std::size_t system_allocations = 0;
};

/// What a device is.
struct DeviceFacts {
  std::string name;              ///< the maker's, "NVIDIA H100 80GB HBM3"; empty: not known
  std::size_t memory_bytes = 0;  ///< all of its memory
};

/// Memory, streams and operations of one processor. One per rank; not thread-safe but for
/// `allocate` and `release`.
class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  [[nodiscard]] virtual DeviceKind kind() const = 0;
  [[nodiscard]] virtual DeviceFacts facts() const = 0;
  /// Energy used since some moment in the past, by the device's own counter; empty where it has
  /// none.
  [[nodiscard]] virtual std::optional<double> joules() const { return {}; }
  [[nodiscard]] virtual std::unique_ptr<Stream> make_stream() = 0;
  /// The operation families of this device (core/ops/*.h); use their public functions instead.
  [[nodiscard]] virtual const Operations& operations() const = 0;

  /// 64-byte aligned memory, never null (zero bytes give a valid pointer too). Throws DeviceError
  /// naming the bytes asked for and in use when there is no more.
  [[nodiscard]] virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* data, std::size_t bytes) noexcept = 0;
  /// Copies between host memory and this device's, in the stream's order; the host side must live
  /// until the stream has passed.
  virtual void copy_from_host(Stream& stream, void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy_to_host(Stream& stream, void* to, const void* from, std::size_t bytes) = 0;
  /// Copies within this device's memory, in the stream's order; the ranges do not overlap.
  virtual void copy(Stream& stream, void* to, const void* from, std::size_t bytes) = 0;
  /// Returns when all work on this device is done, of any stream.
  virtual void synchronize() = 0;
  [[nodiscard]] virtual MemoryStatistics memory() const = 0;
  /// Forgets the peak so far: it becomes what is held now.
  virtual void reset_peak() = 0;
};

/// The device of this kind for the calling rank, `index` being its place among those of the host:
/// of a cuda device, the GPU. Throws DeviceError where there is none and says what is missing.
[[nodiscard]] std::unique_ptr<Device> make_device(DeviceKind kind, int index = 0);

}  // namespace tokenwerk
