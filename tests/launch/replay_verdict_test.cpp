/// Whom a ring of replicas blames that computed each other's micro-batches again.

#include <gtest/gtest.h>

#include <algorithm>

#include "launch/replay_check.h"

namespace tokenwerk {
namespace {

using Replicas = std::vector<std::size_t>;

/// Replica r computes micro-batches r and r - 1; those whose computing is wrong get others' hashes.
std::vector<ReplayHashes> ring(std::size_t size, const Replicas& wrong) {
  std::vector<ReplayHashes> out;
  for (std::size_t r = 0; r < size; ++r) {
    const bool is_wrong = std::ranges::find(wrong, r) != wrong.end();
    const std::uint64_t error = is_wrong ? 1000 * (r + 1) : 0;
    out.push_back({.own = r + error, .before = (r + size - 1) % size + error});
  }
  return out;
}

TEST(ReplayVerdict, FindsNothingWhereAllAgree) {
  for (const std::size_t size : {2u, 3u, 8u})
    EXPECT_EQ(verdict_of(ring(size, {})), ReplayVerdict());
}

TEST(ReplayVerdict, BlamesWhoAgreesWithNeitherNeighbour) {
  EXPECT_EQ(verdict_of(ring(4, {2})), (ReplayVerdict{.odd = {2}, .differing = {2, 3}}));
  EXPECT_EQ(verdict_of(ring(3, {0})), (ReplayVerdict{.odd = {0}, .differing = {0, 1}}));
  EXPECT_EQ(verdict_of(ring(8, {1, 5})).odd, (Replicas{1, 5}));
}

TEST(ReplayVerdict, BlamesNobodyOfTwoNorForOneMicroBatch) {
  EXPECT_EQ(verdict_of(ring(2, {1})), (ReplayVerdict{.odd = {}, .differing = {0, 1}}));
  auto once = ring(4, {});
  once[2].before = 1000;
  EXPECT_EQ(verdict_of(once), (ReplayVerdict{.odd = {}, .differing = {2}}));
}

TEST(ReplayVerdict, BlamesNobodyWhereMostDiffer) {
  EXPECT_TRUE(verdict_of(ring(4, {0, 1, 2, 3})).odd.empty());
}

}  // namespace
}  // namespace tokenwerk
