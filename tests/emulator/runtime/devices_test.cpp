#include <cstdlib>
#include <string>

#include "tests/emulator/runtime/test_support.h"

namespace tokenwerk::emulator {
namespace {

TEST(EmulatedDevices, AreEight) {
  int count = 0;
  ASSERT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  EXPECT_EQ(count, 8);
  EXPECT_EQ(cudaSetDevice(8), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaSetDevice(-1), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
}

/// Leaves with 0 if the calls behave as on a machine without a GPU.
void leave_without_device() {
  int count = 77;
  void* memory = nullptr;
  const bool right = cudaGetDeviceCount(&count) == cudaErrorNoDevice && count == 77 &&
                     cudaSetDevice(0) == cudaErrorNoDevice &&
                     cudaMalloc(&memory, 1) == cudaErrorNoDevice &&
                     cudaGetLastError() == cudaErrorNoDevice;
  std::exit(right ? 0 : 1);
}

TEST(EmulatedDevices, MayBeNone) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  setenv("TOKENWERK_EMULATED_DEVICES", "0", 1);
  EXPECT_EXIT(leave_without_device(), testing::ExitedWithCode(0), "");
  setenv("TOKENWERK_EMULATED_DEVICES", "two", 1);
  EXPECT_EXIT(leave_without_device(), testing::ExitedWithCode(1),
              "TOKENWERK_EMULATED_DEVICES=two is not a whole number");
  unsetenv("TOKENWERK_EMULATED_DEVICES");
}

TEST(EmulatedDevices, AreChosenPerThread) {
  ASSERT_EQ(cudaSetDevice(3), cudaSuccess);
  std::thread([] {
    int device = -1;
    EXPECT_EQ(cudaGetDevice(&device), cudaSuccess);
    EXPECT_EQ(device, 0);
  }).join();
  int device = -1;
  EXPECT_EQ(cudaGetDevice(&device), cudaSuccess);
  EXPECT_EQ(device, 3);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
}

TEST(EmulatedDevices, AttributesAgreeWithProperties) {
  cudaDeviceProp properties;
  ASSERT_EQ(cudaGetDeviceProperties(&properties, 1), cudaSuccess);
  const auto attribute = [](cudaDeviceAttr which) {
    int value = -1;
    EXPECT_EQ(cudaDeviceGetAttribute(&value, which, 1), cudaSuccess);
    return value;
  };
  EXPECT_EQ(attribute(cudaDevAttrComputeCapabilityMajor), properties.major);
  EXPECT_EQ(attribute(cudaDevAttrMultiProcessorCount), properties.multiProcessorCount);
  EXPECT_EQ(attribute(cudaDevAttrWarpSize), 32);
  EXPECT_EQ(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin), 227 * 1024);
  char first[32];
  char second[32];
  ASSERT_EQ(cudaDeviceGetPCIBusId(first, sizeof first, 0), cudaSuccess);
  ASSERT_EQ(cudaDeviceGetPCIBusId(second, sizeof second, 1), cudaSuccess);
  EXPECT_NE(std::string(first), second);
  EXPECT_EQ(cudaDeviceGetPCIBusId(first, 4, 0), cudaErrorInvalidValue);
  int version = 0;
  EXPECT_EQ(cudaRuntimeGetVersion(&version), cudaSuccess);
  EXPECT_EQ(version, CUDART_VERSION);
}

}  // namespace
}  // namespace tokenwerk::emulator
