/// Every message plan, played by all ranks in one process at many rank counts: right results, no
/// deadlock, no buffer touched while in use, the same bits on every rank.

#include "parallel/comm/collectives.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/parallel/comm/plan_player.h"
#include "tests/support/mpi_test.h"

namespace tokenwerk::test {
namespace {

const std::vector<int> sizes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17};

std::vector<std::byte> floats(int rank, Index count, double factor = 1.0) {
  std::vector<float> values;
  for (Index i = 0; i < count; ++i)
    values.push_back(static_cast<float>(factor * whole_value(1, rank, i)));
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<std::byte> sum_of_all(int size, Index count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (int rank = 0; rank < size; ++rank)
    for (Index i = 0; i < count; ++i)
      values[static_cast<std::size_t>(i)] += static_cast<float>(whole_value(1, rank, i));
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// Bytes first .. first + count of floats.
std::vector<std::byte> part(const std::vector<std::byte>& bytes, Index first, Index count) {
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(first * 4);
  return {begin, begin + static_cast<std::ptrdiff_t>(count * 4)};
}

template <typename MakePlan, typename MakeBuffers>
PlanPlayer make_player(int size, unsigned seed, MakePlan&& plan, MakeBuffers&& buffers) {
  std::vector<MessagePlan> plans;
  std::vector<PlayedBuffers> all;
  for (int rank = 0; rank < size; ++rank) {
    plans.push_back(plan(PlanSite{rank, size}));
    all.push_back(buffers(rank));
  }
  return {std::move(plans), std::move(all), seed};
}

/// Lengths below, around and above the limits of segment, window and algorithm.
std::vector<Index> counts_for(int size) {
  std::vector<Index> counts = {1, 2, 7, 127, 4096, 4097, 10007};
  if (size <= 5 || size == 8)
    counts.push_back(6 * 65536 * size + 3);  // more segments than the window
  return counts;
}

TEST(Collectives, AllReduceSumsOnEveryRankInEveryOrderOfEvents) {
  for (int size : sizes)
    for (Index count : counts_for(size)) {
      SCOPED_TRACE(fmt::format("{} ranks, {} elements", size, count));
      PlanPlayer player = make_player(
          size, static_cast<unsigned>(count),
          [&](PlanSite s) { return plan_all_reduce(s, count, 4); },
          [&](int rank) {
            return PlayedBuffers{floats(rank, count), {}, {}, {}};
          });
      ASSERT_EQ(player.play(), "");
      const std::vector<std::byte> expected = sum_of_all(size, count);
      for (int rank = 0; rank < size; ++rank) ASSERT_TRUE(player.buffers(rank).output == expected);
    }
}

TEST(Collectives, AllReduceGivesTheSameBitsOnEveryRankAndInEveryRun) {
  for (int size : sizes)
    for (Index count : {Index{100}, Index{9001}}) {
      std::vector<std::byte> first;
      for (unsigned seed = 0; seed < 4; ++seed) {
        PlanPlayer player = make_player(
            size, seed, [&](PlanSite s) { return plan_all_reduce(s, count, 4); },
            [&](int rank) {
              return PlayedBuffers{floats(rank, count, 0.1), {}, {}, {}};
            });
        ASSERT_EQ(player.play(), "");
        if (seed == 0) first = player.buffers(0).output;
        for (int rank = 0; rank < size; ++rank) ASSERT_TRUE(player.buffers(rank).output == first);
      }
    }
}

/// The sum over ranks first .. first + count, a power of two, of their element: two halves.
float tree_of(const std::vector<std::vector<float>>& values, std::size_t first, std::size_t count,
              std::size_t element) {
  if (count == 1) return values[first][element];
  return tree_of(values, first, count / 2, element) +
         tree_of(values, first + count / 2, count / 2, element);
}

TEST(Collectives, PowersOfTwoSumByTheBinaryTreeOverRanks) {
  for (int size : {1, 2, 4, 8}) {
    for (Index count : {100, 40000}) {  // of a rank's part
      std::vector<std::vector<float>> values;
      for (int rank = 0; rank < size; ++rank) {
        const std::vector<std::byte> bytes = floats(rank, count * size, 0.1);
        values.emplace_back(static_cast<std::size_t>(count * size));
        std::memcpy(values.back().data(), bytes.data(), bytes.size());
      }
      std::vector<float> want(values[0].size());
      for (std::size_t i = 0; i < want.size(); ++i) want[i] = tree_of(values, 0, values.size(), i);
      std::vector<std::byte> expected(want.size() * sizeof(float));
      std::memcpy(expected.data(), want.data(), expected.size());

      PlanPlayer all = make_player(
          size, 5, [&](PlanSite s) { return plan_all_reduce(s, count * size, 4); },
          [&](int rank) {
            return PlayedBuffers{floats(rank, count * size, 0.1), {}, {}, {}};
          });
      ASSERT_EQ(all.play(), "");
      PlanPlayer parts = make_player(
          size, 6, [&](PlanSite s) { return plan_reduce_scatter(s, count, 4); },
          [&](int rank) {
            return PlayedBuffers{floats(0, count), {}, floats(rank, count * size, 0.1), {}};
          });
      ASSERT_EQ(parts.play(), "");
      for (int rank = 0; rank < size; ++rank) {
        EXPECT_TRUE(all.buffers(rank).output == expected) << size << " ranks";
        EXPECT_TRUE(parts.buffers(rank).output == part(expected, rank * count, count))
            << size << " ranks";
      }
    }
  }
}

TEST(Collectives, LargeAllReduceSendsTheFewestBytesPossible) {
  for (int size : {2, 3, 8}) {
    const Index count = 840 * 24;
    PlanPlayer player = make_player(
        size, 1, [&](PlanSite s) { return plan_all_reduce(s, count, 4); },
        [&](int rank) {
          return PlayedBuffers{floats(rank, count), {}, {}, {}};
        });
    ASSERT_EQ(player.play(), "");
    for (int rank = 0; rank < size; ++rank)
      EXPECT_EQ(static_cast<Index>(player.bytes_sent(rank)), 2 * (size - 1) * count * 4 / size);
  }
}

TEST(Collectives, ReduceScatterLeavesEachRankItsPart) {
  for (int size : sizes)
    for (Index count : {1, 5, 1000, size <= 4 ? 65536 * 6 + 1 : 3000}) {
      SCOPED_TRACE(fmt::format("{} ranks, {} elements", size, count));
      PlanPlayer player = make_player(
          size, 3, [&](PlanSite s) { return plan_reduce_scatter(s, count, 4); },
          [&](int rank) {
            return PlayedBuffers{floats(0, count), {}, floats(rank, count * size), {}};
          });
      ASSERT_EQ(player.play(), "");
      const std::vector<std::byte> expected = sum_of_all(size, count * size);
      for (int rank = 0; rank < size; ++rank)
        ASSERT_TRUE(player.buffers(rank).output == part(expected, rank * count, count));
    }
}

TEST(Collectives, AllGatherCollectsInRankOrder) {
  for (int size : sizes)
    for (Index count : {0, 1, 5, 1000, size <= 4 ? 65536 * 6 + 1 : 3000}) {
      SCOPED_TRACE(fmt::format("{} ranks, {} elements", size, count));
      const auto bytes = static_cast<std::size_t>(count) * 4;
      PlanPlayer player = make_player(
          size, 5, [&](PlanSite s) { return plan_all_gather(s, bytes); },
          [&](int rank) {
            return PlayedBuffers{floats(0, count * size), floats(rank, count), {}, {}};
          });
      ASSERT_EQ(player.play(), "");
      for (int rank = 0; rank < size; ++rank)
        for (int from = 0; from < size; ++from)
          ASSERT_TRUE(part(player.buffers(rank).output, from * count, count) ==
                      floats(from, count));
    }
}

TEST(Collectives, BroadcastSpreadsTheRootsValuesFromAnyRoot) {
  for (int size : sizes)
    for (int root : {0, size / 2, size - 1})
      for (Index count : {0, 1, 5000, 200001}) {
        SCOPED_TRACE(fmt::format("{} ranks, root {}, {} elements", size, root, count));
        PlanPlayer player = make_player(
            size, 7,
            [&](PlanSite s) {
              return plan_broadcast(s, static_cast<std::size_t>(count) * 4, root);
            },
            [&](int rank) {
              return PlayedBuffers{floats(rank, count), {}, {}, {}};
            });
        ASSERT_EQ(player.play(), "");
        for (int rank = 0; rank < size; ++rank)
          ASSERT_TRUE(player.buffers(rank).output == floats(root, count));
      }
}

TEST(Collectives, AllToAllTransposes) {
  for (int size : sizes)
    for (Index count : {1, 3, 5000}) {
      PlanPlayer player = make_player(
          size, 9,
          [&](PlanSite s) { return plan_all_to_all(s, static_cast<std::size_t>(count) * 4); },
          [&](int rank) {
            return PlayedBuffers{floats(0, count * size), floats(rank, count * size), {}, {}};
          });
      ASSERT_EQ(player.play(), "");
      for (int rank = 0; rank < size; ++rank)
        for (int from = 0; from < size; ++from)
          ASSERT_TRUE(part(player.buffers(rank).output, from * count, count) ==
                      part(floats(from, count * size), rank * count, count));
    }
}

TEST(Collectives, BarrierEndsOnEveryRank) {
  for (int size : sizes) {
    PlanPlayer player = make_player(size, 11, plan_barrier, [](int) { return PlayedBuffers{}; });
    EXPECT_EQ(player.play(), "");
  }
}

TEST(Collectives, NoPlanWantsMoreScratchThanAQueueHas) {
  for (int size : {2, 3, 8, 100})
    for (Index count : {Index{1}, Index{4096}, Index{4097}, Index{1} << 24}) {
      const PlanSite site{size - 1, size};
      EXPECT_LE(plan_all_reduce(site, count, 4).scratch_bytes, plan_scratch_bytes);
      EXPECT_LE(plan_reduce_scatter(site, count, 4).scratch_bytes, plan_scratch_bytes);
      EXPECT_LE(plan_all_gather(site, static_cast<std::size_t>(count)).scratch_bytes,
                plan_scratch_bytes);
    }
}

TEST(Collectives, CutsMessagesThatAnMpiCountCannotHold) {
  const MessagePlan plan = plan_exchange(1, std::size_t{5} << 30, -1, 0);
  std::size_t sent = 0;
  for (const PlanStep& step : plan.steps) {
    EXPECT_LE(step.range.bytes, std::size_t{0x7fffffff});
    sent += step.range.bytes;
  }
  EXPECT_EQ(sent, std::size_t{5} << 30);
  EXPECT_EQ(plan.messages, plan.steps.size());
}

}  // namespace
}  // namespace tokenwerk::test
