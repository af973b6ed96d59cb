#include <atomic>
#include <numeric>

#include "tests/emulator/runtime/counters.h"
#include "tests/emulator/runtime/test_support.h"

namespace tokenwerk::emulator {
namespace {

using test::DeviceArray;
using test::PinnedArray;
using test::TestStream;

std::vector<int> numbers(std::size_t count) {
  std::vector<int> result(count);
  std::iota(result.begin(), result.end(), 1);
  return result;
}

TEST(EmulatedCopies, GoThereAndBack) {
  const auto values = numbers(1001);
  const DeviceArray<int> first(values);
  const DeviceArray<int> second(1001);
  ASSERT_EQ(cudaMemcpy(second.data(), first.data(), first.bytes(), cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(second.values(), values);
}

TEST(EmulatedCopies, PageableMemoryMayBeReusedWhenTheCallReturns) {
  const TestStream stream;
  std::atomic<bool> is_open = false;
  enqueue(stream.get(), [&] { return is_open.load(); });
  const DeviceArray<int> device(100);
  auto host = numbers(100);
  ASSERT_EQ(cudaMemcpyAsync(device.data(), host.data(), device.bytes(), cudaMemcpyHostToDevice,
                            stream.get()),
            cudaSuccess);
  std::fill(host.begin(), host.end(), 0);
  is_open = true;
  EXPECT_EQ(device.values(), numbers(100));
}

TEST(EmulatedCopies, PinnedMemoryIsReadWhenTheTurnComes) {
  const TestStream stream;
  std::atomic<bool> is_open = false;
  enqueue(stream.get(), [&] { return is_open.load(); });
  const DeviceArray<int> device(1);
  PinnedArray<int> host(1);
  host[0] = 1;
  ASSERT_EQ(cudaMemcpyAsync(device.data(), host.data(), 4, cudaMemcpyHostToDevice, stream.get()),
            cudaSuccess);
  host[0] = 2;
  is_open = true;
  EXPECT_EQ(device.values(), std::vector<int>{2});
}

TEST(EmulatedCopies, ToPinnedMemoryReturnAtOnceAndToPageableWhenDone) {
  const TestStream stream;
  const DeviceArray<int> device(std::vector<int>{9});
  std::atomic<bool> is_open = false;
  enqueue(stream.get(), [&] { return is_open.load(); });
  PinnedArray<int> pinned(1);
  pinned[0] = 0;
  ASSERT_EQ(cudaMemcpyAsync(pinned.data(), device.data(), 4, cudaMemcpyDeviceToHost, stream.get()),
            cudaSuccess);
  EXPECT_EQ(pinned[0], 0);
  is_open = true;
  int pageable = 0;
  ASSERT_EQ(cudaMemcpyAsync(&pageable, device.data(), 4, cudaMemcpyDeviceToHost, stream.get()),
            cudaSuccess);
  EXPECT_EQ(pageable, 9);
  EXPECT_EQ(pinned[0], 9);
}

TEST(EmulatedCopies, OfRowsLeaveTheRestAlone) {
  const DeviceArray<int> device(std::vector<int>(4 * 5, -1));
  const auto host = numbers(4 * 3);
  ASSERT_EQ(cudaMemcpy2DAsync(device.data(), 5 * 4, host.data(), 3 * 4, 2 * 4, 4,
                              cudaMemcpyHostToDevice, nullptr),
            cudaSuccess);
  const auto values = device.values();
  for (std::size_t row = 0; row < 4; ++row) {
    EXPECT_EQ(values[row * 5], static_cast<int>(row * 3 + 1));
    EXPECT_EQ(values[row * 5 + 1], static_cast<int>(row * 3 + 2));
    for (std::size_t column = 2; column < 5; ++column) EXPECT_EQ(values[row * 5 + column], -1);
  }
  std::vector<int> back(4, 0);
  ASSERT_EQ(cudaMemcpy2D(back.data(), 4, device.data() + 1, 20, 4, 4, cudaMemcpyDeviceToHost),
            cudaSuccess);
  EXPECT_EQ(back, (std::vector<int>{2, 5, 8, 11}));
}

TEST(EmulatedCopies, FillBytesAndRows) {
  const DeviceArray<unsigned char> device(std::vector<unsigned char>(6, 9));
  ASSERT_EQ(cudaMemset(device.data(), 1, 2), cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(device.data() + 5, 2, 1, nullptr), cudaSuccess);
  EXPECT_EQ(device.values(), (std::vector<unsigned char>{1, 1, 9, 9, 9, 2}));
  ASSERT_EQ(cudaMemset2DAsync(device.data(), 3, 7, 1, 2, nullptr), cudaSuccess);
  EXPECT_EQ(device.values(), (std::vector<unsigned char>{7, 1, 9, 7, 9, 2}));
}

/// Expects that the call is refused, with a word about why.
void expect_refusal(cudaError_t error, cudaError_t wanted, const char* said) {
  EXPECT_EQ(error, wanted);
  EXPECT_EQ(cudaGetLastError(), wanted);
  EXPECT_NE(testing::internal::GetCapturedStderr().find(said), std::string::npos) << said;
}

TEST(EmulatedCopies, AreRefusedOutsideOfAllocations) {
  const DeviceArray<int> device(4);
  std::vector<int> host(8);
  testing::internal::CaptureStderr();
  expect_refusal(cudaMemcpy(device.data(), host.data(), 17, cudaMemcpyHostToDevice),
                 cudaErrorInvalidValue, "17 bytes at");
  testing::internal::CaptureStderr();
  expect_refusal(cudaMemcpy(host.data(), device.data() + 3, 8, cudaMemcpyDeviceToHost),
                 cudaErrorInvalidValue, "it is byte 12 of an allocation of 16 bytes");
  testing::internal::CaptureStderr();
  expect_refusal(cudaMemset(device.data() + 4, 0, 1), cudaErrorInvalidValue, "cudaMemset");
  testing::internal::CaptureStderr();
  expect_refusal(cudaMemset2DAsync(device.data(), 8, 0, 8, 3, nullptr), cudaErrorInvalidValue,
                 "24 bytes");
  testing::internal::CaptureStderr();
  expect_refusal(cudaMemset(host.data(), 0, 4), cudaErrorInvalidValue, "is no device address");
}

TEST(EmulatedCopies, AreRefusedInTheWrongDirection) {
  const DeviceArray<int> device(4);
  std::vector<int> host(4);
  testing::internal::CaptureStderr();
  expect_refusal(cudaMemcpy(host.data(), device.data(), 16, cudaMemcpyHostToDevice),
                 cudaErrorInvalidValue, "is no device address");
  testing::internal::CaptureStderr();
  expect_refusal(cudaMemcpy(device.data(), host.data(), 16, cudaMemcpyDeviceToHost),
                 cudaErrorInvalidValue, "device memory where the kind of the copy says host");
  EXPECT_EQ(cudaMemcpy2D(device.data(), 4, host.data(), 8, 8, 1, cudaMemcpyHostToDevice),
            cudaErrorInvalidPitchValue);
  EXPECT_EQ(cudaMemcpy(device.data(), nullptr, 0, cudaMemcpyHostToDevice), cudaSuccess);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidPitchValue);
}

TEST(EmulatedCopies, AreCounted) {
  const auto before = counters();
  const DeviceArray<int> device(numbers(5));
  EXPECT_EQ(counters().copies, before.copies + 1);
  EXPECT_EQ(counters().copied_bytes, before.copied_bytes + 20);
}

}  // namespace
}  // namespace tokenwerk::emulator
