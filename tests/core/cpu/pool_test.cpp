#include "core/cpu/pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "tests/support/sanitizers.h"

namespace tokenwerk::cpu {
namespace {

constexpr std::size_t mib = 1 << 20;

/// Pages of this process that lie in memory, in bytes.
std::size_t resident_bytes() {
  std::size_t total = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  const int read = std::fscanf(file, "%zu %zu", &total, &resident);
  std::fclose(file);
  return read == 2 ? resident * 4096 : 0;
}

TEST(Pool, AlignsEveryBlock) {
  Pool pool;
  for (std::size_t bytes : {0ul, 1ul, 63ul, 64ul, 65ul, 4097ul, 65536ul, 100001ul, 5 * mib + 3}) {
    void* data = pool.allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % 64, 0u) << bytes;
    std::memset(data, 1, bytes);
    pool.release(data, bytes);
  }
}

TEST(Pool, CountsTheBytesAskedFor) {
  Pool pool;
  void* a = pool.allocate(5 * mib + 3);
  void* b = pool.allocate(7);
  pool.release(a, 5 * mib + 3);
  void* c = pool.allocate(2 * mib + 1);
  EXPECT_EQ(pool.statistics().current, 2 * mib + 1 + 7);
  EXPECT_EQ(pool.statistics().peak, 5 * mib + 3 + 7);
  EXPECT_EQ(pool.statistics().allocations, 3u);
  pool.reset_peak();
  EXPECT_EQ(pool.statistics().peak, 2 * mib + 1 + 7);
  pool.release(b, 7);
  pool.release(c, 2 * mib + 1);
  EXPECT_EQ(pool.statistics().current, 0u);
}

TEST(Pool, ReusesAReleasedBlockThatFits) {
  Pool pool;
  void* other = pool.allocate(100 * mib);  // so that a little waste is within the bound
  void* a = pool.allocate(10 * mib);
  pool.release(a, 10 * mib);
  void* exact = pool.allocate(10 * mib);
  EXPECT_EQ(exact, a);
  pool.release(exact, 10 * mib);
  void* smaller = pool.allocate(9 * mib);
  EXPECT_EQ(smaller, a);
  pool.release(smaller, 9 * mib);
  void* half = pool.allocate(5 * mib);  // would waste the other half
  EXPECT_NE(half, a);
  pool.release(half, 5 * mib);
  pool.release(other, 100 * mib);
}

TEST(Pool, TakesTheSmallestBlockThatFits) {
  Pool pool;
  void* other = pool.allocate(100 * mib);
  void* a = pool.allocate(12 * mib);
  void* b = pool.allocate(11 * mib);
  pool.release(a, 12 * mib);
  pool.release(b, 11 * mib);
  void* c = pool.allocate(10 * mib);
  EXPECT_EQ(c, b);
  pool.release(c, 10 * mib);
  pool.release(other, 100 * mib);
}

TEST(Pool, HoldsLittleMoreThanWasEverInUse) {
  if (test::sanitized) GTEST_SKIP() << "a sanitizer's memory counts as the process's";
  // Sizes that never fit what was released before: everything must go back to the system.
  Pool pool;
  const std::size_t before = resident_bytes();
  for (std::size_t size = 8; size <= 64; size += size / 2) {
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < 64 / size; ++i) {
      blocks.push_back(pool.allocate(size * mib));
      std::memset(blocks.back(), 1, size * mib);
      const auto grown = static_cast<double>(resident_bytes() - before);
      EXPECT_LE(grown, 1.15 * static_cast<double>(pool.statistics().peak) + 4.0 * mib);
    }
    for (void* block : blocks) pool.release(block, size * mib);
    EXPECT_LE(pool.held_bytes(), pool.statistics().peak * 17 / 16);
  }
}

TEST(Pool, WasteOfReusedBlocksStaysWithinTheBound) {
  Pool pool;
  std::vector<void*> blocks;
  for (int i = 0; i < 16; ++i) blocks.push_back(pool.allocate(10 * mib));
  for (void* block : blocks) pool.release(block, 10 * mib);
  blocks.clear();
  for (int i = 0; i < 20; ++i) blocks.push_back(pool.allocate(8 * mib));
  EXPECT_EQ(pool.statistics().peak, 160 * mib);
  EXPECT_LE(pool.held_bytes(), 170 * mib);
  for (void* block : blocks) pool.release(block, 8 * mib);
}

TEST(Pool, NamesTheBytesWhenThereAreNoMore) {
  Pool pool;
  void* a = pool.allocate(1000);
  for (std::size_t bytes : {std::size_t{1} << 50, SIZE_MAX}) {
    try {
      static_cast<void>(pool.allocate(bytes));
      ADD_FAILURE() << "no error for " << bytes;
    } catch (const DeviceError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find(std::to_string(bytes)), std::string::npos) << message;
      EXPECT_NE(message.find("1000 in use"), std::string::npos) << message;
    }
  }
  EXPECT_EQ(pool.statistics().current, 1000u);
  EXPECT_EQ(pool.statistics().peak, 1000u);
  pool.release(a, 1000);
  void* b = pool.allocate(64 * mib);
  pool.release(b, 64 * mib);
  void* c = pool.allocate(32 * mib);
  EXPECT_EQ(pool.held_bytes(), 32 * mib);  // a refused request does not raise the bound
  pool.release(c, 32 * mib);
}

/// Ends the process with 0 if a request succeeds that needs the address space of a cached block.
[[noreturn]] void allocate_under_a_limit() {
  Pool pool;
  std::vector<void*> blocks;
  for (int i = 0; i < 10; ++i) blocks.push_back(pool.allocate(100 * mib));
  for (void* block : blocks) pool.release(block, 100 * mib);
  std::size_t total = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%zu", &total) != 1) std::exit(1);
  const rlim_t limit = total * 4096 + 20 * mib;
  const rlimit bound{limit, limit};
  setrlimit(RLIMIT_AS, &bound);
  void* other = pool.allocate(50 * mib);  // too small for a cached block, too large for the limit
  pool.release(other, 50 * mib);
  std::exit(0);
}

TEST(Pool, GivesCachedBlocksBackBeforeItFails) {
  if (test::sanitized) GTEST_SKIP() << "sanitizers map terabytes: no limit of the address space";
  EXPECT_EXIT(allocate_under_a_limit(), ::testing::ExitedWithCode(0), "");
}

TEST(Pool, ServesManyThreads) {
  Pool pool;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (std::size_t i = 0; i < 300; ++i) {
        const std::size_t bytes = (i * 7919 + static_cast<std::size_t>(t)) % (mib / 2) + 1;
        auto* data = static_cast<unsigned char*>(pool.allocate(bytes));
        data[0] = data[bytes - 1] = static_cast<unsigned char>(t);
        EXPECT_EQ(data[0], t);
        pool.release(data, bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool.statistics().current, 0u);
  EXPECT_EQ(pool.statistics().allocations, 1200u);
}

}  // namespace
}  // namespace tokenwerk::cpu
