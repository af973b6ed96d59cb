#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "tests/emulator/runtime/counters.h"
#include "tests/emulator/runtime/device_memory.h"
#include "tests/emulator/runtime/test_support.h"

namespace tokenwerk::emulator {
namespace {

using test::DeviceArray;
using test::PinnedArray;
using test::TestStream;

TEST(EmulatedMemory, FreshMemoryIsNaN) {
  const DeviceArray<float> array(3);
  for (const float value : array.values()) EXPECT_NE(value, value);
}

TEST(EmulatedMemory, FreedMemoryIsForgotten) {
  const std::byte* stale = nullptr;
  {
    const DeviceArray<int> array(std::vector<int>(5000, 1));
    stale = bytes_at(array.data());
    EXPECT_EQ(std::to_integer<int>(*stale), 1);
  }
  EXPECT_EQ(std::to_integer<int>(*stale), 0xff);
}

TEST(EmulatedMemory, TheHostCannotTouchIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const DeviceArray<int> array(7);
  EXPECT_DEATH(array.data()[2] = 1,
               "the host touched device memory at 0x[0-9a-f]+ \\(byte 8 of an allocation of 28");
  EXPECT_DEATH(static_cast<void>(*static_cast<volatile int*>(array.data())), "the host touched");
  EXPECT_DEATH(array.data()[2000] = 1, "not allocated: it is byte 8000 of an allocation of 28");
}

TEST(EmulatedMemory, AllocationsAreFoundByAnyOfTheirBytes) {
  const DeviceArray<char> array(100);
  const auto found = find(array.data() + 99);
  ASSERT_TRUE(found);
  EXPECT_EQ(static_cast<const void*>(found->address), array.data());
  EXPECT_EQ(found->bytes, 100u);
  EXPECT_EQ(found->host + 5, bytes_at(array.data() + 5));
  EXPECT_FALSE(find(array.data() + 100));
  EXPECT_FALSE(find(&found));
  int host = 0;
  EXPECT_EQ(bytes_at(&host), reinterpret_cast<std::byte*>(&host));
}

TEST(EmulatedMemory, EndsWithTheDevice) {
  std::size_t free = 0;
  std::size_t total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  EXPECT_EQ(total, std::size_t{2} << 30);
  void* memory = &free;
  EXPECT_EQ(cudaMalloc(&memory, free + 1), cudaErrorMemoryAllocation);
  EXPECT_EQ(memory, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  ASSERT_EQ(cudaMalloc(&memory, free), cudaSuccess);
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  EXPECT_EQ(free, 0u);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
}

TEST(EmulatedMemory, RefusesWrongFrees) {
  int host = 0;
  const DeviceArray<int> array(8);
  testing::internal::CaptureStderr();
  EXPECT_EQ(cudaFree(&host), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(array.data() + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFreeHost(&host), cudaErrorInvalidValue);
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, 4), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("no allocation begins"), std::string::npos);
}

TEST(EmulatedMemory, AddressesRestBeforeTheyAreUsedAgain) {
  void* first = nullptr;
  ASSERT_EQ(cudaMalloc(&first, 4096), cudaSuccess);
  ASSERT_EQ(cudaFree(first), cudaSuccess);
  for (int i = 0; i < 100; ++i) {
    void* other = nullptr;
    ASSERT_EQ(cudaMalloc(&other, 4096), cudaSuccess);
    EXPECT_NE(other, first);
    ASSERT_EQ(cudaFree(other), cudaSuccess);
  }
}

TEST(EmulatedMemory, AllOfItCanBeUsedAgainAndAgain) {
  for (int round = 0; round < 12; ++round) {
    std::vector<void*> pieces(7);
    for (auto& piece : pieces) ASSERT_EQ(cudaMalloc(&piece, std::size_t{290} << 20), cudaSuccess);
    for (auto* piece : pieces) ASSERT_EQ(cudaFree(piece), cudaSuccess);
  }
}

TEST(EmulatedMemory, AsynchronousAllocationsLiveFromTurnToTurn) {
  const TestStream stream;
  void* memory = nullptr;
  ASSERT_EQ(cudaMallocAsync(&memory, 64, stream.get()), cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(memory, 5, 64, stream.get()), cudaSuccess);
  std::vector<unsigned char> host(64);
  ASSERT_EQ(cudaMemcpyAsync(host.data(), memory, 64, cudaMemcpyDeviceToHost, stream.get()),
            cudaSuccess);
  ASSERT_EQ(cudaFreeAsync(memory, stream.get()), cudaSuccess);
  EXPECT_EQ(host, std::vector<unsigned char>(64, 5));
  testing::internal::CaptureStderr();
  EXPECT_EQ(cudaMemsetAsync(memory, 5, 64, stream.get()), cudaErrorInvalidValue);
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
  EXPECT_FALSE(find(memory));
}

TEST(EmulatedMemory, UseAfterAnAsynchronousFreeIsAFault) {
  const TestStream stream;
  const TestStream other;
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, 64), cudaSuccess);
  std::atomic<bool> is_open = false;
  enqueue(other.get(), [&] { return is_open.load(); });
  ASSERT_EQ(cudaMemsetAsync(memory, 1, 64, other.get()), cudaSuccess);
  ASSERT_EQ(cudaFreeAsync(memory, stream.get()), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
  testing::internal::CaptureStderr();
  is_open = true;
  EXPECT_EQ(cudaStreamSynchronize(other.get()), cudaErrorIllegalAddress);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("were freed when their turn came"),
            std::string::npos);
  forget_fault();
}

TEST(EmulatedMemory, PinnedMemoryFreedTooEarlyIsAFault) {
  const TestStream stream;
  const DeviceArray<int> device(4);
  std::atomic<bool> is_open = false;
  enqueue(stream.get(), [&] { return is_open.load(); });
  {
    const PinnedArray<int> pinned(4);
    ASSERT_EQ(
        cudaMemcpyAsync(device.data(), pinned.data(), 16, cudaMemcpyHostToDevice, stream.get()),
        cudaSuccess);
  }
  testing::internal::CaptureStderr();
  is_open = true;
  EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaErrorIllegalAddress);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("pinned memory"), std::string::npos);
  forget_fault();
}

TEST(EmulatedMemory, CountsWhatIsInUse) {
  const auto before = counters();
  {
    const DeviceArray<char> array(1000);
    EXPECT_EQ(counters().bytes_in_use, before.bytes_in_use + 1000);
    EXPECT_EQ(counters().allocations, before.allocations + 1);
  }
  EXPECT_EQ(counters().bytes_in_use, before.bytes_in_use);
  EXPECT_GE(counters().peak_bytes, before.bytes_in_use + 1000);
  reset_peak_bytes();
  EXPECT_EQ(counters().peak_bytes, counters().bytes_in_use);
}

TEST(EmulatedMemory, ListenersHearOfEveryAllocation) {
  const DeviceArray<int> early(1);
  int made = 0;
  int ended = 0;
  listen_to_memory({[&](const DeviceAllocation&) { ++made; },
                    [&](const DeviceAllocation& one) { ended += one.bytes == 8 ? 1 : 100; }});
  const int old = made;
  EXPECT_GE(old, 1);
  { const DeviceArray<int> array(2); }
  EXPECT_EQ(made, old + 1);
  EXPECT_EQ(ended, 1);
  listen_to_memory({[](const DeviceAllocation&) {}, [](const DeviceAllocation&) {}});
}

TEST(EmulatedMemory, KnowsWhatAPointerIs) {
  const DeviceArray<int> device(4);
  const PinnedArray<int> pinned(4);
  int plain = 0;
  cudaPointerAttributes attributes;
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, device.data() + 1), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeDevice);
  EXPECT_EQ(attributes.hostPointer, nullptr);
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, pinned.data()), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeHost);
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, &plain), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeUnregistered);
  ASSERT_EQ(cudaHostRegister(&plain, sizeof plain, 0), cudaSuccess);
  EXPECT_EQ(cudaHostRegister(&plain, sizeof plain, 0), cudaErrorHostMemoryAlreadyRegistered);
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, &plain), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeHost);
  EXPECT_EQ(cudaHostUnregister(&plain), cudaSuccess);
  EXPECT_EQ(cudaHostUnregister(&plain), cudaErrorHostMemoryNotRegistered);
}

}  // namespace
}  // namespace tokenwerk::emulator
