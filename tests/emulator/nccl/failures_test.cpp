/// Calls of different ranks that do not belong together, and calls that wait for ever. Tests that
/// are disabled here are runs of their own, whose end and words ctest checks.

#include <string>

#include "tests/emulator/nccl/test_world.h"

namespace tokenwerk::emulator {
namespace {

using test::await_error;
using test::DeviceArray;
using test::NcclWorld;

/// What came of a provocation: the error on this rank, and what all ranks said about it.
struct Heard {
  ncclResult_t error = ncclSuccess;
  std::string said;
};

/// Lets every rank issue something wrong, waits for the error and aborts. A rank may hear of the
/// error before it could find it, even while it still issues calls.
template <typename Issue>
Heard provoke(const Issue& issue) {
  NcclWorld world;
  const DeviceArray<float> data(std::vector<float>(200, 1));
  testing::internal::CaptureStderr();
  issue(world, data.data());
  Heard heard{await_error(world.comm()), ""};
  world.abort();
  const auto own = testing::internal::GetCapturedStderr();
  const ::tokenwerk::test::World all;
  for (const auto& said : gather_strings(*all.comm, own)) heard.said += said;
  return heard;
}

ncclResult_t all_reduce(const NcclWorld& world, float* data, std::size_t count) {
  return ncclAllReduce(data, data, count, ncclFloat32, ncclSum, world.comm(), world.stream());
}

TEST(EmulatedFailures, DifferentCountsAreNamedOnBothSides) {
  if (test::mpi_size() < 2) GTEST_SKIP() << "needs two ranks";
  const auto heard = provoke([](const NcclWorld& world, float* data) {
    EXPECT_EQ(all_reduce(world, data, 5), ncclSuccess);
    EXPECT_EQ(all_reduce(world, data, world.rank() == 1 ? 101 : 100), ncclSuccess);
  });
  EXPECT_EQ(heard.error, ncclInvalidUsage);
  const auto says = [&](const char* text) { return heard.said.find(text) != std::string::npos; };
  EXPECT_TRUE(says("rank 1 of world: all-reduce of 101 float32, sum (call 2); rank 0 calls "
                   "all-reduce of 100 float32, sum (call 2)") ||
              says(": all-reduce of 100 float32, sum (call 2); rank 1 calls all-reduce of 101 "
                   "float32, sum (call 2)"))
      << heard.said;
}

TEST(EmulatedFailures, DifferentOrdersAreFound) {
  if (test::mpi_size() < 2) GTEST_SKIP() << "needs two ranks";
  const auto heard = provoke([](const NcclWorld& world, float* data) {
    const auto broadcast = [&] {
      static_cast<void>(
          ncclBroadcast(data, data, 100, ncclFloat32, 0, world.comm(), world.stream()));
    };
    if (world.rank() == 0) broadcast();
    static_cast<void>(all_reduce(world, data, 100));
    if (world.rank() != 0) broadcast();
  });
  EXPECT_EQ(heard.error, ncclInvalidUsage);
  const auto says = [&](const char* text) { return heard.said.find(text) != std::string::npos; };
  EXPECT_TRUE(says("rank 0 calls broadcast of 100 float32 from rank 0 (call 1)") ||
              says("from rank 0 (call 1); rank 1 calls all-reduce of 100 float32, sum (call 1)"))
      << heard.said;
}

TEST(EmulatedFailures, DifferentRootsTypesAndOperationsAreFound) {
  if (test::mpi_size() < 2) GTEST_SKIP() << "needs two ranks";
  const bool odd = test::mpi_rank() == 1;
  EXPECT_EQ(provoke([&](const NcclWorld& world, float* data) {
              EXPECT_EQ(ncclBroadcast(data, data, 4, ncclFloat32, odd ? 1 : 0, world.comm(),
                                      world.stream()),
                        ncclSuccess);
            }).error,
            ncclInvalidUsage);
  EXPECT_EQ(provoke([&](const NcclWorld& world, float* data) {
              EXPECT_EQ(ncclAllGather(data, data + 4, 2, odd ? ncclInt32 : ncclFloat32,
                                      world.comm(), world.stream()),
                        ncclSuccess);
            }).error,
            ncclInvalidUsage);
  EXPECT_EQ(provoke([&](const NcclWorld& world, float* data) {
              EXPECT_EQ(ncclAllReduce(data, data, 4, ncclFloat32, odd ? ncclMax : ncclSum,
                                      world.comm(), world.stream()),
                        ncclSuccess);
            }).error,
            ncclInvalidUsage);
}

TEST(EmulatedFailures, MessagesThatDoNotFitAreFound) {
  if (test::mpi_size() < 2) GTEST_SKIP() << "needs two ranks";
  const auto heard = provoke([](const NcclWorld& world, float* data) {
    if (world.rank() == 0) {
      EXPECT_EQ(ncclSend(data, 7, ncclFloat32, 1, world.comm(), world.stream()), ncclSuccess);
    } else if (world.rank() == 1) {
      EXPECT_EQ(ncclRecv(data, 8, ncclFloat32, 0, world.comm(), world.stream()), ncclSuccess);
    }
  });
  EXPECT_EQ(heard.error, ncclInvalidUsage);
  EXPECT_NE(heard.said.find("receive of 8 float32 from rank 0 (call 1); rank 0 calls send of 7 "
                            "float32 to rank 1 (call 1)"),
            std::string::npos)
      << heard.said;
}

TEST(EmulatedFailures, AFailedCommunicatorTakesNoCalls) {
  if (test::mpi_size() < 2) GTEST_SKIP() << "needs two ranks";
  static_cast<void>(provoke([](const NcclWorld& world, float* data) {
    EXPECT_EQ(all_reduce(world, data, world.rank() == 1 ? 2 : 3), ncclSuccess);
    EXPECT_EQ(await_error(world.comm()), ncclInvalidUsage);
    EXPECT_EQ(all_reduce(world, data, 3), ncclInvalidUsage);
  }));
}

TEST(EmulatedFailures, DISABLED_MismatchEndsTheRun) {
  const NcclWorld world;
  const DeviceArray<float> data(std::vector<float>(200, 1));
  EXPECT_EQ(all_reduce(world, data.data(), world.rank() == 1 ? 101 : 100), ncclSuccess);
  static_cast<void>(cudaStreamSynchronize(world.stream()));  // waits, and never asks for errors
}

TEST(EmulatedFailures, DISABLED_DeadlockNamesWhoWaitsForWhom) {
  const NcclWorld world;
  const DeviceArray<float> data(std::vector<float>(200, 1));
  const int next = (world.rank() + 1) % world.size();
  const int previous = (world.rank() + world.size() - 1) % world.size();
  // Outside of a group all send first, and nobody comes to receive.
  EXPECT_EQ(ncclSend(data.data(), 4, ncclFloat32, next, world.comm(), world.stream()), ncclSuccess);
  EXPECT_EQ(ncclRecv(data.data(), 4, ncclFloat32, previous, world.comm(), world.stream()),
            ncclSuccess);
  static_cast<void>(cudaStreamSynchronize(world.stream()));
}

TEST(EmulatedFailures, DISABLED_AMissingRankIsNamed) {
  const NcclWorld world;
  const DeviceArray<float> data(std::vector<float>(200, 1));
  if (world.rank() > 0) {
    EXPECT_EQ(all_reduce(world, data.data(), 4), ncclSuccess);
  }
  static_cast<void>(cudaStreamSynchronize(world.stream()));
  test::meet();
}

}  // namespace
}  // namespace tokenwerk::emulator
