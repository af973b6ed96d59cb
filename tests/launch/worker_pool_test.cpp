#include "launch/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <stdexcept>

namespace tokenwerk {
namespace {

/// Calls process_in_order on 0 .. count with work that ends out of order.
template <typename Work>
std::vector<int> process(WorkerPool& pool, int count, const Work& work) {
  int next = 0;
  std::vector<int> taken;
  process_in_order(
      pool, [&] { return next < count ? std::optional(next++) : std::nullopt; }, work,
      [&](int result) { taken.push_back(result); });
  return taken;
}

int slow_if_even(int i) {
  if (i % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
  return i;
}

TEST(ProcessInOrder, takes_results_in_order) {
  for (const int threads : {1, 2, 5}) {
    WorkerPool pool(threads);
    const auto taken = process(pool, 300, slow_if_even);
    ASSERT_EQ(taken.size(), 300u);
    for (int i = 0; i < 300; ++i) EXPECT_EQ(taken[static_cast<std::size_t>(i)], i);
    EXPECT_TRUE(process(pool, 0, slow_if_even).empty());
  }
}

TEST(ProcessInOrder, throws_the_first_error_in_order) {
  WorkerPool pool(4);
  for (int round = 0; round < 20; ++round) {
    try {
      process(pool, 100, [](int i) {
        if (i >= 10) throw std::runtime_error(std::to_string(i));
        return slow_if_even(i);
      });
      FAIL();
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "10");
    }
  }
}

TEST(ProcessInOrder, keeps_little_under_way) {
  WorkerPool pool(2);
  std::atomic<int> begun{0};
  int next = 0, taken = 0;
  process_in_order(
      pool,
      [&] {
        EXPECT_LE(next - taken, 3 * 2);
        return next < 200 ? std::optional(next++) : std::nullopt;
      },
      [&](int i) {
        ++begun;
        return i;
      },
      [&](int) { ++taken; });
  EXPECT_EQ(begun, 200);
}

}  // namespace
}  // namespace tokenwerk
