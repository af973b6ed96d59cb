#pragma once
/// What the tests of the stand-ins share.

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "tests/emulator/runtime/faults.h"
#include "tests/emulator/runtime/queue.h"

namespace tokenwerk::emulator::test {

/// Device memory for the length of a test.
template <typename T>
class DeviceArray final {
 public:
  explicit DeviceArray(std::size_t count) : count_(count) {
    void* made = nullptr;
    EXPECT_EQ(cudaMalloc(&made, bytes()), cudaSuccess);
    data_ = static_cast<T*>(made);
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    EXPECT_EQ(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice), cudaSuccess);
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { static_cast<void>(cudaFree(data_)); }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return count_ * sizeof(T); }
  /// The values when all work is done.
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> result(count_);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_EQ(cudaMemcpy(result.data(), data_, bytes(), cudaMemcpyDeviceToHost), cudaSuccess);
    return result;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

/// Pinned memory for the length of a test.
template <typename T>
class PinnedArray final {
 public:
  explicit PinnedArray(std::size_t count) : count_(count) {
    void* made = nullptr;
    EXPECT_EQ(cudaMallocHost(&made, count * sizeof(T)), cudaSuccess);
    data_ = static_cast<T*>(made);
  }
  PinnedArray(const PinnedArray&) = delete;
  PinnedArray& operator=(const PinnedArray&) = delete;
  ~PinnedArray() { static_cast<void>(cudaFreeHost(data_)); }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return count_; }
  T& operator[](std::size_t i) { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

/// A stream that does not wait for the legacy default stream, unless the flags say otherwise.
class TestStream final {
 public:
  explicit TestStream(unsigned flags = cudaStreamNonBlocking) {
    EXPECT_EQ(cudaStreamCreateWithFlags(&stream_, flags), cudaSuccess);
  }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;
  ~TestStream() { static_cast<void>(cudaStreamDestroy(stream_)); }
  [[nodiscard]] cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

/// An event without timing, unless the flags say otherwise.
class TestEvent final {
 public:
  explicit TestEvent(unsigned flags = cudaEventDisableTiming) {
    EXPECT_EQ(cudaEventCreateWithFlags(&event_, flags), cudaSuccess);
  }
  TestEvent(const TestEvent&) = delete;
  TestEvent& operator=(const TestEvent&) = delete;
  ~TestEvent() { static_cast<void>(cudaEventDestroy(event_)); }
  [[nodiscard]] cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// How many of ten adversarial schedules make the check fail.
inline int seeds_that_show(const std::function<bool()>& is_right) {
  int shown = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    play_schedule(seed);
    if (!is_right()) ++shown;
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  }
  play_schedule(std::nullopt);
  return shown;
}

}  // namespace tokenwerk::emulator::test
