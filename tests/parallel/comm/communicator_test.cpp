/// Every collective against a serial reference, at odd sizes, on a stream of the device (the cpu's
/// runs on the caller) and on one of the communicator's.

#include "parallel/comm/communicator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "core/error.h"
#include "parallel/comm/control.h"
#include "tests/support/mpi_test.h"

namespace tokenwerk::test {
namespace {

enum class Where { caller, own_stream };

const std::vector<Index> counts = {1, 2, 7, 127, 1000, 4097, 65537, 600011};

template <typename T>
std::vector<T> values_of(std::uint64_t seed, int rank, Index count) {
  std::vector<T> out;
  for (Index i = 0; i < count; ++i) out.push_back(static_cast<T>(whole_value(seed, rank, i)));
  return out;
}

template <typename T>
std::vector<T> sum_of_all(std::uint64_t seed, int size, Index count) {
  std::vector<T> out(static_cast<std::size_t>(count));
  for (int rank = 0; rank < size; ++rank)
    for (Index i = 0; i < count; ++i)
      out[static_cast<std::size_t>(i)] += static_cast<T>(whole_value(seed, rank, i));
  return out;
}

class Collective : public testing::TestWithParam<Where> {
 protected:
  [[nodiscard]] Stream& stream() { return GetParam() == Where::caller ? *world_.stream : *own_; }
  [[nodiscard]] Communicator& comm() { return *world_.comm; }

  template <typename T>
  void expect_all_reduce() {
    for (Index count : counts) {
      DeviceArray<T> x(stream(), values_of<T>(1, comm().rank(), count));
      comm().all_reduce(stream(), x);
      EXPECT_TRUE(x.download() == sum_of_all<T>(1, comm().size(), count)) << count << " elements";
    }
  }

  World world_;
  ControlWorld control_;
  std::unique_ptr<Stream> own_ = world_.comm->make_stream("test");
};

TEST_P(Collective, AllReduceSumsF32) { expect_all_reduce<float>(); }
TEST_P(Collective, AllReduceSumsF64) { expect_all_reduce<double>(); }

TEST_P(Collective, AllReduceFindsTheMaximumAndOverMpiKeepsNaN) {
  const double rank = comm().rank();
  DeviceArray<double> x(stream(),
                        {rank, -rank, comm().rank() == comm().size() / 2 ? std::nan("") : 1.0});
  comm().all_reduce(stream(), x, Reduction::max);
  x.download();
  EXPECT_EQ(x.host[0], comm().size() - 1);
  EXPECT_EQ(x.host[1], 0.0);
  if (comm().device().kind() == DeviceKind::cpu) {  // NCCL's maximum may lose it
    EXPECT_TRUE(std::isnan(x.host[2]));
  }
}

TEST_P(Collective, AllReduceGivesTheSameBitsOnEveryRankAndEveryTime) {
  for (Index count : {Index{333}, Index{70001}}) {
    std::string first;
    for (int time = 0; time < 3; ++time) {
      std::vector<float> tenths = values_of<float>(2, comm().rank(), count);
      for (float& value : tenths) value *= 0.1f;
      DeviceArray<float> x(stream(), tenths);
      comm().all_reduce(stream(), x);
      x.download();
      const std::string bits(reinterpret_cast<const char*>(x.host.data()),
                             x.host.size() * sizeof(float));
      if (time == 0) first = bits;
      EXPECT_TRUE(bits == first);
      EXPECT_TRUE(bits == broadcast_string(*control_.comm, bits));
    }
  }
}

TEST_P(Collective, ReduceScatterLeavesEachRankItsPart) {
  for (Index count : counts) {
    const DeviceArray<float> x(stream(), values_of<float>(3, comm().rank(), count * comm().size()));
    DeviceArray<float> y(stream(), std::vector<float>(static_cast<std::size_t>(count)));
    comm().reduce_scatter(stream(), y, x);
    y.download();
    const std::vector<float> sum = sum_of_all<float>(3, comm().size(), count * comm().size());
    const auto first = sum.begin() + static_cast<std::ptrdiff_t>(comm().rank() * count);
    EXPECT_TRUE(std::equal(y.host.begin(), y.host.end(), first)) << count << " elements";
  }
}

TEST_P(Collective, AllGatherWorksInPlace) {
  for (Index count : counts) {
    std::vector<float> parts(static_cast<std::size_t>(count * comm().size()), -1.0f);
    const std::vector<float> mine = values_of<float>(4, comm().rank(), count);
    const Rows own{comm().rank() * count, (comm().rank() + 1) * count};
    std::copy(mine.begin(), mine.end(), parts.begin() + own.first);
    DeviceArray<float> y(stream(), parts);
    comm().all_gather(stream(), y, elements_of(y.view(), own));
    y.download();
    for (int rank = 0; rank < comm().size(); ++rank) {
      const std::vector<float> expected = values_of<float>(4, rank, count);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(),
                             y.host.begin() + static_cast<std::ptrdiff_t>(rank * count)))
          << count << " elements of rank " << rank;
    }
  }
}

TEST_P(Collective, BroadcastSpreadsFromEveryRoot) {
  for (int root = 0; root < comm().size(); ++root)
    for (Index count : counts) {
      DeviceArray<float> x(stream(), values_of<float>(5, comm().rank(), count));
      comm().broadcast(stream(), x, root);
      EXPECT_TRUE(x.download() == values_of<float>(5, root, count))
          << count << " elements from " << root;
    }
}

TEST_P(Collective, AllToAllTransposes) {
  const int p = comm().size();
  for (Index count : counts) {
    const DeviceArray<float> x(stream(), values_of<float>(6, comm().rank(), count * p));
    DeviceArray<float> y(stream(), std::vector<float>(x.host.size()));
    comm().all_to_all(stream(), y, x);
    y.download();
    for (int from = 0; from < p; ++from) {
      const std::vector<float> theirs = values_of<float>(6, from, count * p);
      const auto first = theirs.begin() + static_cast<std::ptrdiff_t>(comm().rank() * count);
      EXPECT_TRUE(std::equal(first, first + static_cast<std::ptrdiff_t>(count),
                             y.host.begin() + static_cast<std::ptrdiff_t>(from * count)));
    }
  }
}

TEST_P(Collective, ExchangePassesAlongALineWithOpenEnds) {
  if (comm().device().kind() == DeviceKind::cuda)
    GTEST_SKIP() << "NCCL wants both sides of an exchange whole, or both half";
  for (Index count : counts) {
    const DeviceArray<float> x(stream(), values_of<float>(7, comm().rank(), count));
    DeviceArray<float> y(stream(), std::vector<float>(x.host.size(), -1.0f));
    const int right = comm().rank() + 1, left = comm().rank() - 1;
    comm().exchange(
        stream(),
        {.send = x, .to = right < comm().size() ? right : -1, .receive = y, .from = left});
    const std::vector<float> untouched = y.host;
    EXPECT_TRUE(y.download() == (left >= 0 ? values_of<float>(7, left, count) : untouched));
  }
}

TEST_P(Collective, ExchangePassesAroundARing) {
  const int size = comm().size();
  const int right = (comm().rank() + 1) % size, left = (comm().rank() + size - 1) % size;
  for (Index count : counts) {
    const DeviceArray<float> x(stream(), values_of<float>(8, comm().rank(), count));
    DeviceArray<float> y(stream(), std::vector<float>(x.host.size(), -1.0f));
    comm().exchange(stream(), {.send = x, .to = right, .receive = y, .from = left});
    EXPECT_TRUE(y.download() == values_of<float>(8, left, count)) << count << " elements";
  }
}

TEST_P(Collective, HalvesOfExchangesPassOverLinks) {
  const int right = comm().rank() + 1, left = comm().rank() - 1;
  std::vector<Link> links;
  for (int from = 0; from + 1 < comm().size(); ++from) links.push_back({from, from + 1});
  comm().connect(links);
  for (Index count : counts) {
    const DeviceArray<float> x(stream(), values_of<float>(9, comm().rank(), count));
    DeviceArray<float> y(stream(), std::vector<float>(x.host.size(), -1.0f));
    if (left >= 0) comm().exchange(stream(), {.receive = y, .from = left});
    if (right < comm().size()) comm().exchange(stream(), {.send = x, .to = right});
    const std::vector<float> untouched = y.host;
    EXPECT_TRUE(y.download() == (left >= 0 ? values_of<float>(9, left, count) : untouched));
  }
}

TEST_P(Collective, BarrierLetsNobodyPassBeforeTheLast) {
  std::vector<float> late(static_cast<std::size_t>(comm().size()));
  for (int last = 0; last < comm().size(); ++last) {
    if (comm().rank() == last) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto before = std::chrono::steady_clock::now().time_since_epoch().count();
    comm().barrier(stream());
    stream().synchronize();
    const auto after = std::chrono::steady_clock::now().time_since_epoch().count();
    // One host, one clock: whoever leaves does so after everybody has come.
    EXPECT_GE(after, all_reduce(*control_.comm, Index{before}, Reduction::max));
  }
}

INSTANTIATE_TEST_SUITE_P(Streams, Collective, testing::Values(Where::caller, Where::own_stream),
                         [](const auto& test) {
                           return test.param == Where::caller ? "Caller" : "OwnStream";
                         });

TEST(Communicator, RefusesArraysThatDoNotFit) {
  World world;
  std::vector<float> x(12), y(12);
  const TensorView dense = view_of(x, *world.device);
  TensorView gaps = dense;
  gaps.shape = Shape{3, 2};
  gaps.row_stride = 4;
  TensorView integers = dense;
  integers.dtype = DType::i32;
  TensorView shorter = dense;
  shorter.shape = Shape{world.size() * 12 - 1};
  EXPECT_THROW(world.comm->all_reduce(*world.stream, gaps), ShapeError);
  EXPECT_THROW(world.comm->all_reduce(*world.stream, integers), ShapeError);
  EXPECT_THROW(world.comm->all_reduce(*world.stream, {}), ShapeError);
  EXPECT_THROW(world.comm->all_gather(*world.stream, shorter, dense), ShapeError);
  EXPECT_THROW(world.comm->broadcast(*world.stream, dense, world.size()), ShapeError);
  EXPECT_THROW(world.comm->all_to_all(*world.stream, dense, dense), ShapeError);
  EXPECT_THROW(world.comm->exchange(*world.stream, {.send = dense, .to = world.size()}),
               ShapeError);
}

TEST(Communicator, NamesOperationAxisSizeAndPeerWhenAMessageFails) {
  World world;
  if (world.size() < 2) GTEST_SKIP() << "a rank alone sends no messages";
  if (world.device->kind() == DeviceKind::cuda)
    GTEST_SKIP() << "NCCL does not compare the sizes of the two sides";
  const auto stream = world.comm->make_stream("test");
  std::vector<float> x(world.rank() == 0 ? 8 : 4);
  const TensorView view = view_of(x, *world.device);
  if (world.rank() == 0) world.comm->exchange(*stream, {.send = view, .to = 1});
  if (world.rank() == 1) {
    world.comm->exchange(*stream, {.receive = view, .from = 0});
    for (int time = 0; time < 2; ++time) {  // the stream stays failed
      std::string message;
      try {
        stream->synchronize();
      } catch (const CommError& error) {
        message = error.what();
      }
      EXPECT_TRUE(
          message.starts_with("exchange over world, receiving 16 bytes from rank 0 of the "
                              "axis: MPI_ERR_TRUNCATE"))
          << message;
    }
  } else {
    stream->synchronize();
  }
  world.comm->barrier();
}

}  // namespace
}  // namespace tokenwerk::test
