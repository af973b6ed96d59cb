#include "tests/emulator/runtime/queue.h"

#include <atomic>
#include <stdexcept>

#include "tests/emulator/runtime/counters.h"
#include "tests/emulator/runtime/test_support.h"

namespace tokenwerk::emulator {
namespace {

using test::TestEvent;
using test::TestStream;

/// An operation that waits for the test to open it.
struct Gate {
  std::atomic<bool> is_open = false;
  [[nodiscard]] Operation operation() {
    return [this] { return is_open.load(); };
  }
};

Operation append(std::vector<int>& order, int value) {
  return [&order, value] {
    order.push_back(value);
    return true;
  };
}

TEST(EmulatedQueue, RunsTheWorkOfAStreamInOrder) {
  const TestStream stream;
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) enqueue(stream.get(), append(order, i));
  ASSERT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(EmulatedQueue, RunsWithoutAHostThatWaits) {
  const TestStream stream;
  std::atomic<bool> ran = false;
  enqueue(stream.get(), [&] { return ran = true; });
  for (int i = 0; i < 5000 && !ran; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(ran);
}

TEST(EmulatedQueue, StreamsDoNotWaitForOneAnother) {
  const TestStream first;
  const TestStream second;
  Gate gate;
  enqueue(first.get(), gate.operation());
  std::vector<int> order;
  enqueue(second.get(), append(order, 1));
  EXPECT_EQ(cudaStreamSynchronize(second.get()), cudaSuccess);
  EXPECT_EQ(order.size(), 1u);
  EXPECT_EQ(cudaStreamQuery(first.get()), cudaErrorNotReady);
  EXPECT_EQ(cudaGetLastError(), cudaErrorNotReady);
  gate.is_open = true;
  EXPECT_EQ(cudaStreamSynchronize(first.get()), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(first.get()), cudaSuccess);
}

TEST(EmulatedQueue, TheLegacyStreamWaitsForBlockingStreamsAndTheyForIt) {
  const TestStream blocking(cudaStreamDefault);
  std::vector<int> order;
  Gate gate;
  enqueue(blocking.get(), gate.operation());
  enqueue(blocking.get(), append(order, 1));
  enqueue(nullptr, append(order, 2));
  enqueue(blocking.get(), append(order, 3));
  const TestStream apart;
  enqueue(apart.get(), append(order, 0));
  EXPECT_EQ(cudaStreamSynchronize(apart.get()), cudaSuccess);
  gate.is_open = true;
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TEST(EmulatedQueue, WorkOfADestroyedStreamStillRuns) {
  std::atomic<int> ran = 0;
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  Gate gate;
  enqueue(stream, gate.operation());
  enqueue(stream, [&] { return ++ran; });
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
  gate.is_open = true;
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaErrorInvalidResourceHandle);
}

TEST(EmulatedQueue, ManyThreadsMayEnqueueAndWait) {
  std::atomic<int> ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const TestStream stream;
      for (int i = 0; i < 200; ++i) {
        enqueue(stream.get(), [&] { return ++ran; });
        if (i % 10 != 0) continue;
        EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
      }
      EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ran, 800);
}

TEST(EmulatedQueue, HostFunctionsRunInTurnAndMayNotCallCuda) {
  const TestStream stream;
  auto inside = cudaSuccess;
  const auto call = [](void* data) { *static_cast<cudaError_t*>(data) = cudaDeviceSynchronize(); };
  ASSERT_EQ(cudaLaunchHostFunc(stream.get(), call, &inside), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
  EXPECT_EQ(inside, cudaErrorNotPermitted);
}

TEST(EmulatedQueue, KeepsFlagsAndPriorities) {
  int least = 1;
  int greatest = 1;
  ASSERT_EQ(cudaDeviceGetStreamPriorityRange(&least, &greatest), cudaSuccess);
  EXPECT_LT(greatest, least);
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, greatest), cudaSuccess);
  unsigned flags = 0;
  int priority = 0;
  EXPECT_EQ(cudaStreamGetFlags(stream, &flags), cudaSuccess);
  EXPECT_EQ(cudaStreamGetPriority(stream, &priority), cudaSuccess);
  EXPECT_EQ(flags, static_cast<unsigned>(cudaStreamNonBlocking));
  EXPECT_EQ(priority, greatest);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST(EmulatedQueue, WhatAnOperationThrowsIsAFaultThatStays) {
  const TestStream stream;
  testing::internal::CaptureStderr();
  enqueue(stream.get(), []() -> bool { throw std::runtime_error("kernel k: out of bounds"); });
  EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaErrorLaunchFailure);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("kernel k: out of bounds"),
            std::string::npos);
  int ran = 0;
  enqueue(stream.get(), [&] { return ++ran; });
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorLaunchFailure);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
  EXPECT_EQ(cudaGetLastError(), cudaErrorLaunchFailure);
  EXPECT_EQ(cudaGetLastError(), cudaErrorLaunchFailure) << "the device stays lost";
  EXPECT_EQ(ran, 0);
  forget_fault();
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST(EmulatedQueue, AFaultIsReportedOnce) {
  testing::internal::CaptureStderr();
  report_fault(cudaErrorIllegalAddress, "the first");
  report_fault(cudaErrorLaunchFailure, "the second");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "emulated CUDA: cudaErrorIllegalAddress: the first\n");
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  forget_fault();
}

TEST(EmulatedQueue, ErrorsOfCallsAreKeptPerThread) {
  EXPECT_EQ(cudaStreamDestroy(reinterpret_cast<cudaStream_t>(0x1234)),
            cudaErrorInvalidResourceHandle);
  std::thread([] { EXPECT_EQ(cudaGetLastError(), cudaSuccess); }).join();
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_STREQ(cudaGetErrorName(cudaErrorInvalidResourceHandle), "cudaErrorInvalidResourceHandle");
  EXPECT_STREQ(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
}

}  // namespace
}  // namespace tokenwerk::emulator
