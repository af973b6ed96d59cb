#pragma once
/// Who computes what: ranks arranged along the axes of parallelism.

#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace tokenwerk {

/// Axes of the mesh, outermost first. `data` combines replicate and shard (all ranks that see other
/// sequences with the same part of the model); `world` is every rank.
enum class Axis { pipeline, replicate, shard, context, expert, tensor, data, world };

[[nodiscard]] std::string_view name_of(Axis axis);

/// Degree of every axis. ZeRO shards optimizer state along `shard` and replicates along
/// `replicate`.
struct MeshShape {
  Index pipeline = 1;
  Index replicate = 1;
  Index shard = 1;
  Index context = 1;
  Index expert = 1;
  Index tensor = 1;

  /// Ranks along an axis.
  [[nodiscard]] Index degree(Axis axis) const;
  friend bool operator==(const MeshShape&, const MeshShape&) = default;
};

/// Position of a rank along every axis.
struct MeshCoordinates {
  Index pipeline = 0;
  Index replicate = 0;
  Index shard = 0;
  Index context = 0;
  Index expert = 0;
  Index tensor = 0;

  friend bool operator==(const MeshCoordinates&, const MeshCoordinates&) = default;
};

/// rank <-> coordinates, a bijection. Tensor varies fastest, so that the ranks with most to say to
/// each other are neighbours; pipeline slowest. Pure arithmetic: the same on every rank.
class Mesh {
 public:
  /// Throws ConfigError with the nearest legal data degrees or rank counts unless the degrees are
  /// positive and multiply to `ranks`.
  Mesh(const MeshShape& shape, Index ranks);

  [[nodiscard]] const MeshShape& shape() const { return shape_; }
  [[nodiscard]] Index ranks() const { return shape_.degree(Axis::world); }

  [[nodiscard]] MeshCoordinates coordinates(Index rank) const;
  [[nodiscard]] Index rank(const MeshCoordinates& coordinates) const;
  /// Ranks that differ from `rank` only along `axis`, itself included, ascending.
  [[nodiscard]] std::vector<Index> ranks_along(Axis axis, Index rank) const;
  /// Place of `rank` in `ranks_along(axis, rank)`.
  [[nodiscard]] Index position(Axis axis, Index rank) const;

 private:
  MeshShape shape_;
};

}  // namespace tokenwerk
