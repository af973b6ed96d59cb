#include "parallel/mesh.h"

#include <gtest/gtest.h>

#include <set>

#include "core/error.h"

namespace tokenwerk {
namespace {

const std::vector<MeshShape> shapes = {
    {},
    {.replicate = 8},
    {.shard = 5},
    {.pipeline = 2, .replicate = 3, .tensor = 2},
    {.pipeline = 3, .replicate = 2, .shard = 5, .context = 2, .expert = 7, .tensor = 4},
    {.pipeline = 16, .replicate = 5, .shard = 8, .tensor = 8},
};

Index ranks_of(const MeshShape& shape) { return shape.degree(Axis::world); }

TEST(Mesh, MapsRanksAndCoordinatesOneToOne) {
  for (const MeshShape& shape : shapes) {
    const Mesh mesh(shape, ranks_of(shape));
    for (Index rank = 0; rank < mesh.ranks(); ++rank)
      ASSERT_EQ(mesh.rank(mesh.coordinates(rank)), rank);
  }
}

TEST(Mesh, PutsTensorRanksSideBySideAndPipelineStagesFarthestApart) {
  const Mesh mesh({.pipeline = 2, .replicate = 3, .shard = 2, .tensor = 2}, 24);
  EXPECT_EQ(mesh.coordinates(1), (MeshCoordinates{.tensor = 1}));
  EXPECT_EQ(mesh.coordinates(2), (MeshCoordinates{.shard = 1}));
  EXPECT_EQ(mesh.coordinates(4), (MeshCoordinates{.replicate = 1}));
  EXPECT_EQ(mesh.coordinates(12), (MeshCoordinates{.pipeline = 1}));
}

TEST(Mesh, CutsTheRanksIntoDisjointGroupsAlongEveryAxis) {
  for (const MeshShape& shape : shapes) {
    const Mesh mesh(shape, ranks_of(shape));
    for (Axis axis : {Axis::pipeline, Axis::replicate, Axis::shard, Axis::context, Axis::expert,
                      Axis::tensor, Axis::data, Axis::world}) {
      std::set<std::vector<Index>> groups;
      for (Index rank = 0; rank < mesh.ranks(); ++rank) {
        const std::vector<Index> group = mesh.ranks_along(axis, rank);
        ASSERT_EQ(static_cast<Index>(group.size()), shape.degree(axis));
        ASSERT_EQ(group[static_cast<std::size_t>(mesh.position(axis, rank))], rank);
        groups.insert(group);
      }
      ASSERT_EQ(static_cast<Index>(groups.size()) * shape.degree(axis), mesh.ranks());
    }
  }
}

TEST(Mesh, DataCombinesReplicateAndShard) {
  const Mesh mesh({.pipeline = 2, .replicate = 2, .shard = 2, .tensor = 2}, 16);
  EXPECT_EQ(mesh.ranks_along(Axis::data, 5), (std::vector<Index>{1, 3, 5, 7}));
  EXPECT_EQ(mesh.ranks_along(Axis::shard, 5), (std::vector<Index>{5, 7}));
  EXPECT_EQ(mesh.ranks_along(Axis::replicate, 5), (std::vector<Index>{1, 5}));
}

std::string fault_of(const MeshShape& shape, Index ranks) {
  try {
    const Mesh mesh(shape, ranks);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "none";
}

TEST(Mesh, NamesTheNearestLegalValueWhenDegreesDoNotFillTheRanks) {
  EXPECT_EQ(
      fault_of({.replicate = 3, .tensor = 2}, 8),
      "data degree 3 with tensor 2 does not fill 8 ranks: the nearest legal data degree is 4");
  EXPECT_EQ(fault_of({.pipeline = 3, .tensor = 2}, 16),
            "16 ranks do not divide by 6 (pipeline 3 x tensor 2): nearest legal rank counts are 12 "
            "and 18");
  EXPECT_EQ(fault_of({.pipeline = 4, .tensor = 8}, 8),
            "pipeline 4 x tensor 8 needs more than the 8 ranks there are");
  EXPECT_EQ(fault_of({.tensor = 0}, 8), "degree of tensor is 0: 1 to 8 are possible on 8 ranks");
  EXPECT_EQ(fault_of({.shard = 16}, 8), "degree of shard is 16: 1 to 8 are possible on 8 ranks");
}

}  // namespace
}  // namespace tokenwerk
