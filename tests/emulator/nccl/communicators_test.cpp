#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/emulator/nccl/test_world.h"

namespace tokenwerk::emulator {
namespace {

using test::await_error;
using test::DeviceArray;
using test::mpi_rank;
using test::mpi_size;
using test::NcclWorld;
using test::shared_id;
using test::TestStream;

int rank_in(ncclComm_t comm) {
  int rank = -1;
  EXPECT_EQ(ncclCommUserRank(comm, &rank), ncclSuccess);
  return rank;
}

int size_of(ncclComm_t comm) {
  int size = -1;
  EXPECT_EQ(ncclCommCount(comm, &size), ncclSuccess);
  return size;
}

/// The sum of one number of each rank, which shows that the communicator works.
int sum_over(ncclComm_t comm, int mine) {
  const TestStream stream;
  const DeviceArray<std::int32_t> data(std::vector<std::int32_t>{mine});
  EXPECT_EQ(ncclAllReduce(data.data(), data.data(), 1, ncclInt32, ncclSum, comm, stream.get()),
            ncclSuccess);
  return data.values()[0];
}

int segments_left() {
  int found = 0;
  for (const auto& file : std::filesystem::directory_iterator("/dev/shm")) {
    const auto name = file.path().filename().string();
    if (name.rfind("emulated-nccl-" + std::to_string(getpid()) + "-", 0) == 0) ++found;
  }
  return found;
}

TEST(EmulatedCommunicators, KnowThemselvesAndLeaveNothingBehind) {
  {
    const NcclWorld world;
    EXPECT_EQ(rank_in(world.comm()), mpi_rank());
    EXPECT_EQ(size_of(world.comm()), mpi_size());
    int device = -1;
    EXPECT_EQ(ncclCommCuDevice(world.comm(), &device), ncclSuccess);
    EXPECT_EQ(device, 0);
    EXPECT_EQ(segments_left(), 0) << "the name ends when all have come";
  }
  int version = 0;
  EXPECT_EQ(ncclGetVersion(&version), ncclSuccess);
  EXPECT_EQ(version, NCCL_VERSION_CODE);
}

TEST(EmulatedCommunicators, SplitByColorAndKey) {
  const NcclWorld world;
  const int rank = world.rank();
  ncclComm_t half = nullptr;
  EXPECT_EQ(ncclCommSplit(world.comm(), rank % 2, -rank, &half, nullptr), ncclSuccess);
  const int members = (world.size() + 1 - rank % 2) / 2;
  EXPECT_EQ(size_of(half), members);
  EXPECT_EQ(rank_in(half), members - 1 - rank / 2) << "keys run against the ranks";
  int wanted = 0;
  for (int other = rank % 2; other < world.size(); other += 2) wanted += other;
  EXPECT_EQ(sum_over(half, rank), wanted);
  EXPECT_EQ(ncclCommDestroy(half), ncclSuccess);
}

TEST(EmulatedCommunicators, ARankWithoutColorGetsNone) {
  const NcclWorld world;
  const bool is_out = world.rank() == 0;
  ncclComm_t rest = nullptr;
  EXPECT_EQ(ncclCommSplit(world.comm(), is_out ? NCCL_SPLIT_NOCOLOR : 0, 0, &rest, nullptr),
            ncclSuccess);
  EXPECT_EQ(rest == nullptr, is_out);
  if (is_out) return;
  EXPECT_EQ(sum_over(rest, 1), world.size() - 1);
  EXPECT_EQ(ncclCommDestroy(rest), ncclSuccess);
}

TEST(EmulatedCommunicators, TwoWorkAtOnceOnTwoStreams) {
  const NcclWorld world;
  const TestStream other_stream;
  const int rank = world.rank();
  ncclComm_t half = nullptr;
  ncclComm_t pair = nullptr;
  EXPECT_EQ(ncclGroupStart(), ncclSuccess);
  EXPECT_EQ(ncclCommSplit(world.comm(), rank % 2, 0, &half, nullptr), ncclSuccess);
  EXPECT_EQ(ncclCommSplit(world.comm(), rank / 2, 0, &pair, nullptr), ncclSuccess);
  EXPECT_EQ(ncclGroupEnd(), ncclSuccess);
  constexpr std::size_t count = 100'000;
  const DeviceArray<std::int32_t> first(std::vector<std::int32_t>(count, 1));
  const DeviceArray<std::int32_t> second(std::vector<std::int32_t>(count, 1));
  const auto in_half = [&] {
    EXPECT_EQ(
        ncclAllReduce(first.data(), first.data(), count, ncclInt32, ncclSum, half, world.stream()),
        ncclSuccess);
  };
  const auto in_pair = [&] {
    EXPECT_EQ(ncclAllReduce(second.data(), second.data(), count, ncclInt32, ncclSum, pair,
                            other_stream.get()),
              ncclSuccess);
  };
  // Neighbours issue in different orders: with two streams nobody waits for ever.
  rank % 2 == 0 ? in_half() : in_pair();
  rank % 2 == 0 ? in_pair() : in_half();
  EXPECT_EQ(first.values()[count - 1], size_of(half));
  EXPECT_EQ(second.values()[count - 1], size_of(pair));
  EXPECT_EQ(ncclCommDestroy(half), ncclSuccess);
  EXPECT_EQ(ncclCommDestroy(pair), ncclSuccess);
}

TEST(EmulatedCommunicators, MayBeMadeInAGroup) {
  const auto first_id = shared_id();
  const auto second_id = shared_id();
  ncclComm_t first = nullptr;
  ncclComm_t second = nullptr;
  EXPECT_EQ(ncclGroupStart(), ncclSuccess);
  // In different orders, which would hang outside of a group.
  const auto make_first = [&] {
    EXPECT_EQ(ncclCommInitRank(&first, mpi_size(), first_id, mpi_rank()), ncclSuccess);
  };
  if (mpi_rank() % 2 == 0) make_first();
  EXPECT_EQ(ncclCommInitRank(&second, mpi_size(), second_id, mpi_rank()), ncclSuccess);
  if (mpi_rank() % 2 == 1) make_first();
  EXPECT_EQ(ncclGroupEnd(), ncclSuccess);
  EXPECT_EQ(sum_over(first, 1), mpi_size());
  EXPECT_EQ(sum_over(second, 2), 2 * mpi_size());
  EXPECT_EQ(ncclCommFinalize(first), ncclSuccess);
  EXPECT_EQ(ncclCommDestroy(first), ncclSuccess);
  EXPECT_EQ(ncclCommDestroy(second), ncclSuccess);
}

TEST(EmulatedCommunicators, MayBeMadeWithoutBlocking) {
  auto id = shared_id();
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  config.commName = "patient";
  ncclComm_t comm = nullptr;
  EXPECT_EQ(ncclCommInitRankScalable(&comm, mpi_size(), mpi_rank(), 1, &id, &config),
            ncclInProgress);
  auto state = ncclInProgress;
  while (state == ncclInProgress) EXPECT_EQ(ncclCommGetAsyncError(comm, &state), ncclSuccess);
  EXPECT_EQ(state, ncclSuccess);
  EXPECT_EQ(sum_over(comm, 3), 3 * mpi_size());
  ncclComm_t child = nullptr;
  EXPECT_EQ(ncclCommSplit(comm, 0, 0, &child, nullptr), ncclInProgress);
  for (state = ncclInProgress; state == ncclInProgress;) {
    EXPECT_EQ(ncclCommGetAsyncError(child, &state), ncclSuccess);
  }
  EXPECT_EQ(sum_over(child, 1), mpi_size());
  test::meet();
  EXPECT_EQ(ncclCommDestroy(child), ncclSuccess);
  EXPECT_EQ(ncclCommDestroy(comm), ncclSuccess);
}

TEST(EmulatedCommunicators, AbortEndsWhatWouldNeverEnd) {
  NcclWorld world;
  const DeviceArray<std::int32_t> data(std::vector<std::int32_t>{7});
  const int peer = (world.rank() + 1) % world.size();
  EXPECT_EQ(ncclRecv(data.data(), 1, ncclInt32, peer, world.comm(), world.stream()), ncclSuccess);
  EXPECT_EQ(cudaStreamQuery(world.stream()), cudaErrorNotReady);
  world.abort();
  EXPECT_EQ(cudaStreamSynchronize(world.stream()), cudaSuccess);
  EXPECT_EQ(data.values()[0], 7);
}

TEST(EmulatedCommunicators, RevokedOnesTakeNoCalls) {
  const NcclWorld world;
  const DeviceArray<std::int32_t> data(std::vector<std::int32_t>{7});
  EXPECT_EQ(ncclCommRevoke(world.comm(), 1), ncclInvalidArgument);
  EXPECT_EQ(ncclCommRevoke(world.comm(), NCCL_REVOKE_DEFAULT), ncclSuccess);
  testing::internal::CaptureStderr();
  EXPECT_EQ(
      ncclAllReduce(data.data(), data.data(), 1, ncclInt32, ncclSum, world.comm(), world.stream()),
      ncclInvalidUsage);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("was revoked"), std::string::npos);
}

TEST(EmulatedCommunicators, RefuseWrongArguments) {
  const NcclWorld world;
  const DeviceArray<float> data(std::vector<float>(4, 1));
  float host = 0;
  const auto all_reduce = [&](void* buffer, std::size_t count, ncclRedOp_t operation) {
    return ncclAllReduce(buffer, buffer, count, ncclFloat32, operation, world.comm(),
                         world.stream());
  };
  testing::internal::CaptureStderr();
  EXPECT_EQ(all_reduce(&host, 1, ncclSum), ncclInvalidArgument);
  EXPECT_EQ(all_reduce(data.data(), 5, ncclSum), ncclInvalidArgument);
  EXPECT_EQ(all_reduce(data.data(), 4, ncclNumOps), ncclInvalidArgument);
  EXPECT_EQ(all_reduce(reinterpret_cast<std::byte*>(data.data()) + 1, 1, ncclSum),
            ncclInvalidArgument);
  EXPECT_EQ(ncclBroadcast(data.data(), data.data(), 4, ncclFloat32, world.size(), world.comm(),
                          world.stream()),
            ncclInvalidArgument);
  EXPECT_EQ(ncclSend(data.data(), 4, ncclFloat8e4m3, 0, world.comm(), world.stream()),
            ncclInvalidArgument);
  EXPECT_EQ(ncclAllReduce(data.data(), data.data(), 4, ncclFloat32, ncclSum, nullptr, nullptr),
            ncclInvalidArgument);
  EXPECT_NE(std::string(ncclGetLastError(nullptr)).find("no communicator"), std::string::npos);
  ncclComm_t comm = nullptr;
  EXPECT_EQ(ncclCommInitRank(&comm, 2, shared_id(), 2), ncclInvalidArgument);
  EXPECT_EQ(ncclCommInitRank(&comm, 1, ncclUniqueId{}, 0), ncclInvalidArgument);
  ncclConfig_t config{};
  EXPECT_EQ(ncclCommInitRankConfig(&comm, mpi_size(), shared_id(), mpi_rank(), &config),
            ncclInvalidArgument);
  EXPECT_EQ(ncclGroupEnd(), ncclInvalidUsage);
  testing::internal::GetCapturedStderr();
  EXPECT_STREQ(ncclGetErrorString(ncclInvalidUsage), "invalid usage");
}

TEST(EmulatedCommunicators, MemoryComesFromTheDevice) {
  const NcclWorld world;
  void* memory = nullptr;
  void* handle = nullptr;
  ASSERT_EQ(ncclMemAlloc(&memory, 64), ncclSuccess);
  EXPECT_EQ(ncclCommRegister(world.comm(), memory, 64, &handle), ncclSuccess);
  testing::internal::CaptureStderr();
  EXPECT_EQ(ncclCommRegister(world.comm(), memory, 65, &handle), ncclInvalidArgument);
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(ncclCommDeregister(world.comm(), handle), ncclSuccess);
  EXPECT_EQ(ncclMemFree(memory), ncclSuccess);
}

}  // namespace
}  // namespace tokenwerk::emulator
