#include "parallel/comm/control.h"

#include <gtest/gtest.h>

#include "tests/support/mpi_test.h"

namespace tokenwerk::test {
namespace {

TEST(Control, TheFirstRankAloneTakesTextsInRankOrder) {
  World world;
  // Empty ones, and one that takes two pieces on its way.
  const auto text_of = [](int rank) {
    const std::size_t large = rank == 3 ? std::size_t{9} << 20 : 0;
    return std::string(static_cast<std::size_t>(rank % 3 * 70001) + large,
                       static_cast<char>('a' + rank));
  };
  int next = 0;
  collect_strings(*world.comm, text_of(world.rank()), [&](int rank, std::string_view text) {
    EXPECT_EQ(rank, next++);
    EXPECT_TRUE(text == text_of(rank)) << "of rank " << rank;
  });
  EXPECT_EQ(next, world.rank() == 0 ? world.size() : 0);
}

TEST(Control, GathersTextsOfDifferentLengths) {
  World world;
  const auto text_of = [](int rank) {
    return rank % 3 == 0
               ? std::string()
               : std::string(static_cast<std::size_t>(rank * 1000), 'x') + char('a' + rank);
  };
  const std::vector<std::string> all = gather_strings(*world.comm, text_of(world.rank()));
  EXPECT_EQ(static_cast<int>(all.size()), world.size());
  for (int rank = 0; rank < world.size(); ++rank)
    EXPECT_EQ(all[static_cast<std::size_t>(rank)], text_of(rank));
  EXPECT_EQ(gather_strings(*world.comm, "").back(), "");
}

TEST(Control, BroadcastsTheRootsText) {
  World world;
  for (int root = 0; root < world.size(); ++root) {
    const std::string mine = world.rank() == root ? std::string(300000, 'y') + "end" : "other";
    EXPECT_EQ(broadcast_string(*world.comm, mine, root), std::string(300000, 'y') + "end");
    EXPECT_EQ(broadcast_string(*world.comm, world.rank() == root ? "" : "other", root), "");
  }
}

TEST(Control, ReducesFiguresToTheSameBitsEverywhere) {
  World world;
  const Index p = world.size();
  EXPECT_EQ(all_reduce(*world.comm, (Index{1} << 60) / p + world.rank()),
            (Index{1} << 60) / p * p + p * (p - 1) / 2);
  EXPECT_EQ(all_reduce(*world.comm, Index{-world.rank()}, Reduction::max), 0);
  EXPECT_EQ(all_reduce_or(*world.comm, std::uint64_t{1} << world.rank()), (1u << p) - 1u);
  double sum = 0.0;
  for (int rank = 0; rank < p; ++rank) sum += 0.1 * rank;
  const double found = all_reduce(*world.comm, 0.1 * world.rank());
  EXPECT_DOUBLE_EQ(found, sum);
  for (const std::string& other : gather_strings(*world.comm, fmt::format("{:a}", found)))
    EXPECT_EQ(other, fmt::format("{:a}", found));
  EXPECT_EQ(all_reduce(*world.comm, (Index{7} << 40) - world.rank(), Reduction::max),
            Index{7} << 40);
  EXPECT_EQ(all_reduce(*world.comm, 0.5 * world.rank(), Reduction::max),
            0.5 * static_cast<double>(p - 1));
}

TEST(Control, AgreesOnFaultsAndNamesTheirRanks) {
  World world;
  EXPECT_EQ(gather_faults(*world.comm, ""), "");
  EXPECT_TRUE(all_ok(*world.comm, true));
  const int last = world.size() - 1;
  EXPECT_EQ(gather_faults(*world.comm, world.rank() == last ? "no space left" : ""),
            world.size() == 1 ? "no space left" : fmt::format("rank {}: no space left", last));
  EXPECT_EQ(all_ok(*world.comm, world.rank() != last), false);
  EXPECT_EQ(gather_faults(*world.comm, "x"), "x") << "all ranks have it: said once, of no rank";
  const std::string some = gather_faults(*world.comm, world.rank() < 2 ? "x" : "");
  const std::string own = gather_faults(*world.comm, fmt::format("x{}", world.rank()));
  if (world.size() == 8) {
    EXPECT_EQ(some, "rank 0: x");
    EXPECT_EQ(own, "rank 0: x0; rank 1: x1; rank 2: x2; rank 3: x3; and 4 more");
  }
}

}  // namespace
}  // namespace tokenwerk::test
