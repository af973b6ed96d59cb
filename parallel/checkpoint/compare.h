#pragma once
/// What differs between the arrays of two checkpoints, however each is cut into boxes and files.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "parallel/checkpoint/checkpoint.h"

namespace tokenwerk {

/// How far the elements of two arrays of one shape and dtype lie apart.
struct ValueDifference {
  Index differing = 0;            ///< elements whose bits differ: 0 and -0 do
  double largest_absolute = 0.0;  ///< |a - b|; infinite where one is not finite
  double largest_relative = 0.0;  ///< |a - b| / max(|a|, |b|)
};

/// An array that one or both checkpoints hold.
struct ArrayComparison {
  std::string name;
  std::optional<ArraySummary> a, b;  ///< nothing: not in that checkpoint
  ValueDifference values;            ///< of arrays that have the same shape and dtype

  /// Whether both hold it, with the same shape and dtype.
  [[nodiscard]] bool comparable() const {
    return a && b && a->shape == b->shape && a->dtype == b->dtype;
  }
  [[nodiscard]] bool equal() const { return comparable() && values.differing == 0; }
};

/// Every array of the two steps' folders: those of `a` in its order, then those only in `b`. Checks
/// the shards' sums first and throws CheckpointError when one is damaged. Holds two windows of at
/// most 8 MiB, whatever the arrays' sizes.
[[nodiscard]] std::vector<ArrayComparison> compare_checkpoints(const std::filesystem::path& a,
                                                               const std::filesystem::path& b);

}  // namespace tokenwerk
