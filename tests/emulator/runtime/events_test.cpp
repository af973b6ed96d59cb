#include <atomic>

#include "tests/emulator/runtime/counters.h"
#include "tests/emulator/runtime/test_support.h"

namespace tokenwerk::emulator {
namespace {

using test::DeviceArray;
using test::PinnedArray;
using test::seeds_that_show;
using test::TestEvent;
using test::TestStream;

TEST(EmulatedEvents, AnEventNeverRecordedHoldsNobodyUp) {
  const TestStream stream;
  const TestEvent event;
  EXPECT_EQ(cudaEventQuery(event.get()), cudaSuccess);
  EXPECT_EQ(cudaEventSynchronize(event.get()), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(stream.get(), event.get(), 0), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
}

TEST(EmulatedEvents, AWaitConcernsTheRecordOfItsTime) {
  const TestStream first;
  const TestStream second;
  const TestEvent event;
  ASSERT_EQ(cudaEventRecord(event.get(), first.get()), cudaSuccess);
  std::atomic<bool> is_open = false;
  enqueue(first.get(), [&] { return is_open.load(); });
  ASSERT_EQ(cudaStreamWaitEvent(second.get(), event.get(), 0), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(event.get(), first.get()), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(second.get()), cudaSuccess) << "the first record suffices";
  EXPECT_EQ(cudaEventQuery(event.get()), cudaErrorNotReady) << "the second has not come";
  is_open = true;
  EXPECT_EQ(cudaEventSynchronize(event.get()), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(event.get()), cudaSuccess);
  EXPECT_EQ(cudaGetLastError(), cudaErrorNotReady);
}

TEST(EmulatedEvents, ADestroyedEventStillServesWhoWaits) {
  const TestStream first;
  const TestStream second;
  std::atomic<bool> is_open = false;
  int order = 0;
  enqueue(first.get(), [&] { return is_open.load(); });
  {
    const TestEvent event;
    ASSERT_EQ(cudaEventRecord(event.get(), first.get()), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(second.get(), event.get(), 0), cudaSuccess);
  }
  enqueue(second.get(), [&] { return order = is_open ? 1 : 2; });
  is_open = true;
  EXPECT_EQ(cudaStreamSynchronize(second.get()), cudaSuccess);
  EXPECT_EQ(order, 1);
}

TEST(EmulatedEvents, TimeBetweenTwoEvents) {
  const TestStream stream;
  const TestEvent start(cudaEventDefault);
  const TestEvent end(cudaEventDefault);
  const TestEvent untimed;
  float milliseconds = 0;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start.get(), end.get()),
            cudaErrorInvalidResourceHandle);
  ASSERT_EQ(cudaEventRecord(start.get(), stream.get()), cudaSuccess);
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
  enqueue(stream.get(), [=] { return std::chrono::steady_clock::now() > until; });
  ASSERT_EQ(cudaEventRecord(end.get(), stream.get()), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(untimed.get(), stream.get()), cudaSuccess);
  EXPECT_EQ(cudaEventSynchronize(end.get()), cudaSuccess);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start.get(), end.get()), cudaSuccess);
  EXPECT_GT(milliseconds, 0.0f);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start.get(), untimed.get()),
            cudaErrorInvalidResourceHandle);
}

TEST(EmulatedEvents, BelongToTheirDevice) {
  const TestEvent event;
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  {
    const TestStream other;
    EXPECT_EQ(cudaEventRecord(event.get(), other.get()), cudaErrorInvalidResourceHandle);
    EXPECT_EQ(cudaStreamWaitEvent(other.get(), event.get(), 0), cudaSuccess);
  }
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
}

TEST(EmulatedEvents, AreCounted) {
  const auto before = counters();
  {
    const TestEvent event;
    EXPECT_EQ(counters().events, before.events + 1);
    EXPECT_EQ(cudaEventRecord(event.get(), nullptr), cudaSuccess);
    EXPECT_EQ(cudaStreamWaitEvent(nullptr, event.get(), 0), cudaSuccess);
  }
  EXPECT_EQ(counters().events, before.events);
  EXPECT_EQ(counters().event_records, before.event_records + 1);
  EXPECT_EQ(counters().event_waits, before.event_waits + 1);
}

/// One stream produces, another one consumes; whether what it read was there already.
bool hand_over(bool with_wait) {
  const TestStream producer;
  const TestStream consumer;
  const TestEvent produced;
  const DeviceArray<int> from(std::vector<int>(64, 7));
  const DeviceArray<int> middle(64);
  const DeviceArray<int> to(64);
  const auto bytes = from.bytes();
  EXPECT_EQ(
      cudaMemcpyAsync(middle.data(), from.data(), bytes, cudaMemcpyDeviceToDevice, producer.get()),
      cudaSuccess);
  EXPECT_EQ(cudaEventRecord(produced.get(), producer.get()), cudaSuccess);
  if (with_wait) {
    EXPECT_EQ(cudaStreamWaitEvent(consumer.get(), produced.get(), 0), cudaSuccess);
  }
  EXPECT_EQ(
      cudaMemcpyAsync(to.data(), middle.data(), bytes, cudaMemcpyDeviceToDevice, consumer.get()),
      cudaSuccess);
  return to.values() == std::vector<int>(64, 7);
}

TEST(EmulatedSchedules, AMissingWaitShowsWithinTenSeeds) {
  const auto four_times = [](bool with_wait) {
    bool right = true;
    for (int i = 0; i < 4; ++i) right = hand_over(with_wait) && right;
    return right;
  };
  EXPECT_GT(seeds_that_show([&] { return four_times(false); }), 0);
  EXPECT_EQ(seeds_that_show([&] { return four_times(true); }), 0);
}

TEST(EmulatedSchedules, WorkOfOneStreamStaysInOrder) {
  const auto in_order = [] {
    const TestStream stream;
    int next = 0;
    bool right = true;
    for (int i = 0; i < 20; ++i) {
      enqueue(stream.get(), [&, i] {
        right = right && next++ == i;
        return true;
      });
    }
    EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
    return right && next == 20;
  };
  EXPECT_EQ(seeds_that_show(in_order), 0);
}

/// Copies from pinned memory, which the host changes before or after it waits.
bool upload(bool waits) {
  const TestStream stream;
  const DeviceArray<int> device(16);
  PinnedArray<int> pinned(16);
  std::fill_n(pinned.data(), 16, 3);
  EXPECT_EQ(cudaMemcpyAsync(device.data(), pinned.data(), device.bytes(), cudaMemcpyHostToDevice,
                            stream.get()),
            cudaSuccess);
  if (waits) {
    EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
  }
  std::fill_n(pinned.data(), 16, 4);
  return device.values() == std::vector<int>(16, 3);
}

TEST(EmulatedSchedules, PinnedMemoryOverwrittenTooEarlyShows) {
  const auto four_times = [](bool waits) {
    bool right = true;
    for (int i = 0; i < 4; ++i) right = upload(waits) && right;
    return right;
  };
  EXPECT_GT(seeds_that_show([&] { return four_times(false); }), 0);
  EXPECT_EQ(seeds_that_show([&] { return four_times(true); }), 0);
}

}  // namespace
}  // namespace tokenwerk::emulator
