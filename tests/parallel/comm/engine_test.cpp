/// Collectives that run beside compute and beside each other, whatever the speed of the ranks.

#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <thread>

#include "parallel/comm/control.h"
#include "tests/support/mpi_test.h"

namespace tokenwerk::test {
namespace {

/// Up to two milliseconds, different on each rank and at each call.
void dawdle(int rank, std::uint64_t call) {
  const auto x = mix(static_cast<std::uint64_t>(rank) * 131u + call);
  if (x % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(x / 3 % 2000));
}

std::vector<float> values_of(std::uint64_t seed, int rank, std::size_t count) {
  std::vector<float> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(static_cast<float>(whole_value(seed, rank, static_cast<Index>(i))));
  return out;
}

void expect_sum(const std::vector<float>& x, std::uint64_t seed, int size) {
  std::vector<float> sum(x.size());
  for (int rank = 0; rank < size; ++rank)
    for (std::size_t i = 0; i < x.size(); ++i)
      sum[i] += static_cast<float>(whole_value(seed, rank, static_cast<Index>(i)));
  EXPECT_TRUE(x == sum) << "seed " << seed << ", " << x.size() << " elements";
}

TEST(Engine, CountsHowLongTheProgramWaits) {
  World world;
  const double before = environment().waited_seconds();
  const auto stream = world.comm->make_stream("test");
  std::vector<float> x(100, 1.0f);
  world.comm->all_reduce(*stream, view_of(x, *world.device));
  stream->synchronize();
  const double waited = environment().waited_seconds() - before;
  if (world.size() == 1) {
    EXPECT_EQ(waited, 0.0);
  } else if (!environment().has_thread()) {  // then messages move only while the program waits
    EXPECT_GT(waited, 0.0);
  }
  stream->synchronize();
  EXPECT_EQ(environment().waited_seconds() - before, waited) << "nothing is left to wait for";
}

TEST(Engine, RunsTwoStreamsAndTheCallerOnOneCommunicatorTogether) {
  World world;
  const auto first = world.comm->make_stream("test"), second = world.comm->make_stream("test");
  for (std::uint64_t round = 0; round < 8; ++round) {
    const std::size_t count = 1 + mix(round) % 60000;
    std::vector<float> a = values_of(round, world.rank(), count);
    std::vector<float> b = values_of(round + 1000, world.rank(), count / 2 + 1);
    std::vector<float> c = values_of(round + 2000, world.rank(), 17);
    dawdle(world.rank(), 4 * round);
    world.comm->all_reduce(*first, view_of(a, *world.device));
    dawdle(world.rank(), 4 * round + 1);
    world.comm->all_reduce(*second, view_of(b, *world.device));
    dawdle(world.rank(), 4 * round + 2);
    world.comm->all_reduce(*world.stream, view_of(c, *world.device));
    expect_sum(c, round + 2000, world.size());
    dawdle(world.rank(), 4 * round + 3);
    // Ranks wait for the streams in different orders.
    Stream& early = world.rank() % 2 == 0 ? *first : *second;
    Stream& late = world.rank() % 2 == 0 ? *second : *first;
    early.synchronize();
    late.synchronize();
    expect_sum(a, round, world.size());
    expect_sum(b, round + 1000, world.size());
  }
}

TEST(Engine, KeepsTheOrderOfAStreamsWork) {
  World world;
  const auto stream = world.comm->make_stream("test");
  std::vector<float> x = values_of(1, world.rank(), 5001);
  world.comm->all_reduce(*stream, view_of(x, *world.device));
  world.comm->all_reduce(*stream, view_of(x, *world.device));
  const Event twice = stream->record();
  world.comm->barrier(*stream);
  twice.synchronize();
  for (float& value : x) value /= static_cast<float>(world.size());
  expect_sum(x, 1, world.size());
  stream->synchronize();
}

TEST(Engine, WorksOnAxesOfAMeshSideBySide) {
  World world;
  if (world.size() % 2 != 0) GTEST_SKIP() << "wants an even number of ranks";
  const Mesh mesh({.replicate = world.size() / 2, .tensor = 2}, world.size());
  const auto data = environment().make_communicator(*world.device, mesh, Axis::data);
  const auto tensor = environment().make_communicator(*world.device, mesh, Axis::tensor);
  const auto pipeline = environment().make_communicator(*world.device, mesh, Axis::pipeline);
  EXPECT_EQ(pipeline->size(), 1);
  EXPECT_EQ(data->axis(), Axis::data);
  const auto stream = data->make_stream("test");
  std::vector<float> ranks = {static_cast<float>(world.rank())};
  std::vector<float> large(300000, 1.0f);
  data->all_reduce(*stream, view_of(large, *world.device));
  tensor->all_reduce(*world.stream, view_of(ranks, *world.device));
  EXPECT_EQ(ranks[0], static_cast<float>(world.rank() / 2 * 4 + 1));
  stream->synchronize();
  EXPECT_EQ(large.front(), static_cast<float>(world.size() / 2));
  EXPECT_EQ(large.back(), static_cast<float>(world.size() / 2));
  ranks[0] = static_cast<float>(world.rank());
  data->broadcast(*stream, view_of(ranks, *world.device), data->size() - 1);
  stream->synchronize();
  EXPECT_EQ(ranks[0], static_cast<float>(world.size() - 2 + world.rank() % 2));
}

TEST(Engine, MovesWorkOnByProgressAlone) {
  if (environment().has_thread()) GTEST_SKIP() << "the engine's thread does it";
  World world;
  const auto stream = world.comm->make_stream("test");
  std::vector<float> x = values_of(3, world.rank(), 100001);
  world.comm->all_reduce(*stream, view_of(x, *world.device));
  const std::vector<float> sum = [&] {
    std::vector<float> out(x.size());
    for (int rank = 0; rank < world.size(); ++rank)
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] += static_cast<float>(whole_value(3, rank, static_cast<Index>(i)));
    return out;
  }();
  while (!(x == sum)) world.comm->progress();  // the watchdog ends this if nothing comes
  stream->synchronize();
}

TEST(Engine, ManyShortCollectivesInFlightAtOnceAllArrive) {
  World world;
  const auto stream = world.comm->make_stream("test");
  std::vector<std::vector<float>> all;
  for (std::uint64_t i = 0; i < 100; ++i) all.push_back(values_of(i, world.rank(), 1 + i % 7));
  for (std::vector<float>& x : all) world.comm->all_reduce(*stream, view_of(x, *world.device));
  stream->synchronize();
  for (std::uint64_t i = 0; i < all.size(); ++i) expect_sum(all[i], i, world.size());
}

/// Bytes that this rank sends in `body`, one call of `collective` over all ranks.
template <typename Body>
MessageCount sent_by(Collective collective, Body&& body) {
  const MessageCount before = environment().sent().at(Axis::world, collective);
  body();
  MessageCount sent = environment().sent().at(Axis::world, collective);
  return sent -= before;
}

TEST(Engine, CountsTheBytesThatTheAlgorithmsPromise) {
  World world;
  const auto stream = world.comm->make_stream("test");
  const Index p = world.size(), n = 100000 * p;
  std::vector<float> whole(static_cast<std::size_t>(n)), part(100000);
  const TensorView x = view_of(whole, *world.device), y = view_of(part, *world.device);
  const Index share = (p - 1) * 400000;  // (p-1)/p of the whole
  EXPECT_EQ(sent_by(Collective::all_reduce, [&] { world.comm->all_reduce(*stream, x); }).bytes,
            2 * share);
  EXPECT_EQ(
      sent_by(Collective::reduce_scatter, [&] { world.comm->reduce_scatter(*stream, y, x); }).bytes,
      share);
  EXPECT_EQ(sent_by(Collective::all_gather, [&] { world.comm->all_gather(*stream, x, y); }).bytes,
            share);
  const MessageCount barrier =
      sent_by(Collective::barrier, [&] { world.comm->barrier(*world.stream); });
  EXPECT_EQ(barrier.bytes, 0);
  EXPECT_EQ(barrier.messages, p == 1 ? 0 : std::bit_width(static_cast<std::uint64_t>(p) - 1));
  stream->synchronize();
}

TEST(Environment, KnowsItsRanks) {
  World world;
  EXPECT_EQ(environment().rank(), world.rank());
  EXPECT_EQ(environment().size(), world.size());
  EXPECT_EQ(environment().local_size(), world.size());  // these tests run on one host
  EXPECT_EQ(environment().local_rank(), world.rank());
  EXPECT_FALSE(environment().host().empty());
  EXPECT_NE(environment().library().find("MPI"), std::string::npos);
}

/// Run by ctest under names that expect their end.
TEST(Environment, DISABLED_AbortEndsEveryRank) {
  World world;
  if (world.rank() == world.size() - 1) environment().abort_all(5);
  world.comm->barrier();
}

TEST(Watchdog, DISABLED_NamesATestThatHangs) {
  World world;
  if (world.rank() == 0) world.comm->barrier();
  std::this_thread::sleep_for(std::chrono::seconds(world.rank() == 0 ? 0 : 100));
}

}  // namespace
}  // namespace tokenwerk::test
