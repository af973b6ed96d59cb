/// Calls that move data and compute nothing.

#include <algorithm>
#include <atomic>

#include "tests/emulator/nccl/test_world.h"

namespace tokenwerk::emulator {
namespace {

using test::DeviceArray;
using test::NcclWorld;
using test::numbers_of;
using test::TestStream;

constexpr std::size_t counts[] = {0, 1, 1001, 50'000};

std::size_t place(int rank, std::size_t count) { return static_cast<std::size_t>(rank) * count; }

/// One more than needed, since an empty array has no address.
DeviceArray<std::int32_t> room_for(std::size_t count) {
  return DeviceArray<std::int32_t>(std::vector<std::int32_t>(count + 1, -1));
}

void expect_block(const std::vector<std::int32_t>& is, std::size_t at, std::size_t count, int rank,
                  std::size_t first) {
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_EQ(is[at + i], rank * 1'000'000 + static_cast<std::int32_t>(first + i)) << i;
  }
}

TEST(EmulatedNccl, BroadcastsFromEveryRoot) {
  const NcclWorld world;
  for (const auto count : counts) {
    for (int root = 0; root < world.size(); ++root) {
      const DeviceArray<std::int32_t> send(numbers_of(world.rank(), count + 1));
      const auto receive = room_for(count);
      EXPECT_EQ(ncclBroadcast(world.rank() == root ? send.data() : nullptr, receive.data(), count,
                              ncclInt32, root, world.comm(), world.stream()),
                ncclSuccess);
      EXPECT_EQ(ncclBcast(send.data(), count, ncclInt32, root, world.comm(), world.stream()),
                ncclSuccess);
      expect_block(receive.values(), 0, count, root, 0);
      expect_block(send.values(), 0, count, root, 0);
    }
  }
}

TEST(EmulatedNccl, GathersEverywhere) {
  const NcclWorld world;
  for (const auto count : counts) {
    const DeviceArray<std::int32_t> send(numbers_of(world.rank(), count + 1));
    const auto all = room_for(place(world.size(), count));
    EXPECT_EQ(
        ncclAllGather(send.data(), all.data(), count, ncclInt32, world.comm(), world.stream()),
        ncclSuccess);
    const auto is = all.values();
    for (int rank = 0; rank < world.size(); ++rank) {
      expect_block(is, place(rank, count), count, rank, 0);
    }
    EXPECT_EQ(is.back(), -1);
    EXPECT_EQ(ncclAllGather(all.data() + place(world.rank(), count), all.data(), count, ncclInt32,
                            world.comm(), world.stream()),
              ncclSuccess);
    EXPECT_EQ(all.values(), is) << "in place";
  }
}

TEST(EmulatedNccl, GathersAndScattersAtEveryRoot) {
  const NcclWorld world;
  constexpr std::size_t count = 1001;
  for (int root = 0; root < world.size(); ++root) {
    const DeviceArray<std::int32_t> send(numbers_of(world.rank(), count));
    const auto all = room_for(place(world.size(), count));
    EXPECT_EQ(
        ncclGather(send.data(), all.data(), count, ncclInt32, root, world.comm(), world.stream()),
        ncclSuccess);
    const auto gathered = all.values();
    for (int rank = 0; rank < world.size() && world.rank() == root; ++rank) {
      expect_block(gathered, place(rank, count), count, rank, 0);
    }
    const auto back = room_for(count);
    EXPECT_EQ(
        ncclScatter(all.data(), back.data(), count, ncclInt32, root, world.comm(), world.stream()),
        ncclSuccess);
    expect_block(back.values(), 0, count, world.rank(), 0);
  }
}

TEST(EmulatedNccl, ExchangesAllWithAll) {
  const NcclWorld world;
  for (const auto count : counts) {
    const DeviceArray<std::int32_t> send(numbers_of(world.rank(), place(world.size(), count) + 1));
    const auto receive = room_for(place(world.size(), count));
    EXPECT_EQ(
        ncclAlltoAll(send.data(), receive.data(), count, ncclInt32, world.comm(), world.stream()),
        ncclSuccess);
    const auto is = receive.values();
    for (int rank = 0; rank < world.size(); ++rank) {
      expect_block(is, place(rank, count), count, rank, place(world.rank(), count));
    }
  }
}

TEST(EmulatedNccl, SendsRoundARingInAGroup) {
  const NcclWorld world;
  const int next = (world.rank() + 1) % world.size();
  const int previous = (world.rank() + world.size() - 1) % world.size();
  for (const auto count : counts) {
    const DeviceArray<std::int32_t> send(numbers_of(world.rank(), count + 1));
    const auto receive = room_for(count);
    EXPECT_EQ(ncclGroupStart(), ncclSuccess);
    EXPECT_EQ(ncclSend(send.data(), count, ncclInt32, next, world.comm(), world.stream()),
              ncclSuccess);
    EXPECT_EQ(ncclRecv(receive.data(), count, ncclInt32, previous, world.comm(), world.stream()),
              ncclSuccess);
    EXPECT_EQ(ncclGroupEnd(), ncclSuccess);
    expect_block(receive.values(), 0, count, previous, 0);
  }
}

TEST(EmulatedNccl, MessagesOfOneGroupKeepTheirOrder) {
  const NcclWorld world;
  constexpr std::size_t count = 10;
  const auto size = place(world.size(), 1);
  const DeviceArray<std::int32_t> send(numbers_of(world.rank(), 2 * count * size));
  const auto receive = room_for(2 * count * size);
  EXPECT_EQ(ncclGroupStart(), ncclSuccess);
  for (int rank = 0; rank < world.size(); ++rank) {
    for (std::size_t part = 0; part < 2; ++part) {
      const auto offset = place(rank, 2 * count) + part * count;
      EXPECT_EQ(
          ncclRecv(receive.data() + offset, count, ncclInt32, rank, world.comm(), world.stream()),
          ncclSuccess);
      EXPECT_EQ(
          ncclSend(send.data() + offset, count, ncclInt32, rank, world.comm(), world.stream()),
          ncclSuccess);
    }
  }
  EXPECT_EQ(ncclGroupEnd(), ncclSuccess);
  const auto is = receive.values();
  for (int rank = 0; rank < world.size(); ++rank) {
    expect_block(is, place(rank, 2 * count), 2 * count, rank, place(world.rank(), 2 * count));
  }
}

TEST(EmulatedNccl, ASendWaitsForItsReceive) {
  const NcclWorld world;
  if (world.size() < 2) GTEST_SKIP() << "needs two ranks";
  const DeviceArray<std::int32_t> data(numbers_of(world.rank(), 4));
  if (world.rank() == 0) {
    EXPECT_EQ(ncclSend(data.data(), 4, ncclInt32, 1, world.comm(), world.stream()), ncclSuccess);
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_EQ(cudaStreamQuery(world.stream()), cudaErrorNotReady);
  }
  test::meet();
  if (world.rank() == 1) {
    EXPECT_EQ(ncclRecv(data.data(), 4, ncclInt32, 0, world.comm(), world.stream()), ncclSuccess);
    EXPECT_EQ(data.values(), numbers_of(0, 4));
  }
  EXPECT_EQ(cudaStreamSynchronize(world.stream()), cudaSuccess);
}

TEST(EmulatedNccl, CallsRunInOrderWhateverTheirStreams) {
  const NcclWorld world;
  const TestStream other;
  const DeviceArray<std::int32_t> first(std::vector<std::int32_t>{1});
  const DeviceArray<std::int32_t> second(std::vector<std::int32_t>{2});
  std::atomic<bool> is_open = false;
  enqueue(world.stream(), [&] { return is_open.load(); });
  EXPECT_EQ(ncclAllReduce(first.data(), first.data(), 1, ncclInt32, ncclSum, world.comm(),
                          world.stream()),
            ncclSuccess);
  EXPECT_EQ(
      ncclAllReduce(second.data(), second.data(), 1, ncclInt32, ncclSum, world.comm(), other.get()),
      ncclSuccess);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(cudaStreamQuery(other.get()), cudaErrorNotReady);
  is_open = true;
  EXPECT_EQ(first.values()[0], world.size());
  EXPECT_EQ(second.values()[0], 2 * world.size());
}

TEST(EmulatedNccl, AGroupMaySpanStreams) {
  const NcclWorld world;
  const TestStream other;
  const DeviceArray<std::int32_t> first(std::vector<std::int32_t>{3});
  const DeviceArray<std::int32_t> second(std::vector<std::int32_t>{0});
  const DeviceArray<std::int32_t> source(std::vector<std::int32_t>{4});
  EXPECT_EQ(cudaMemcpyAsync(second.data(), source.data(), 4, cudaMemcpyDeviceToDevice, other.get()),
            cudaSuccess);
  EXPECT_EQ(ncclGroupStart(), ncclSuccess);
  EXPECT_EQ(ncclAllReduce(first.data(), first.data(), 1, ncclInt32, ncclSum, world.comm(),
                          world.stream()),
            ncclSuccess);
  EXPECT_EQ(
      ncclAllReduce(second.data(), second.data(), 1, ncclInt32, ncclSum, world.comm(), other.get()),
      ncclSuccess);
  EXPECT_EQ(ncclGroupEnd(), ncclSuccess);
  EXPECT_EQ(cudaStreamSynchronize(other.get()), cudaSuccess);
  EXPECT_EQ(first.values()[0], 3 * world.size());
  EXPECT_EQ(second.values()[0], 4 * world.size());
}

}  // namespace
}  // namespace tokenwerk::emulator
