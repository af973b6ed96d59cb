#pragma once
/// What is trained: named boxes of the unsharded model's arrays.

#include <string>
#include <vector>

#include "core/tensor.h"

namespace tokenwerk {

/// How a parameter starts: all `constant`, or N(0, deviation^2) keyed by its name.
struct Initial {
  double constant = 0.0;
  double deviation = 0.0;  ///< zero: constant
};

/// What a rank holds of one dim of a global array.
struct Share {
  Index whole = 0;   ///< extent of the global dim
  Index first = 0;   ///< where the part begins
  Index count = 0;   ///< how long it is
  Index copies = 1;  ///< ranks of the tensor axis that hold this same part
  Index copy = 0;    ///< which of them this is

  [[nodiscard]] static Share all(Index whole) { return {whole, 0, whole}; }
  /// The same part of a dim whose units are `size` long each: of heads, the part of their columns.
  [[nodiscard]] Share times(Index size) const {
    return {whole * size, first * size, count * size, copies, copy};
  }
};

/// One array of the model, or the part of it that this rank holds.
struct Parameter {
  std::string name;    ///< unique in the model: "blocks.7.mlp.up.weight"
  Shape global_shape;  ///< of the unsharded array, padding not counted
  Box box;             ///< what part of it `value` holds
  Initial initial;
  Index copies = 1;    ///< ranks of the tensor axis that hold this same box, with equal values
  Index copy = 0;      ///< which of them this is: norms count and checkpoints write the first one
  TensorView value{};  ///< window on the group's buffer; empty until the store binds it
};

/// Parameters that lie side by side in one buffer and are used by one product, as q, k and v are.
/// All parts have the same columns; the buffer's rows are the parts' rows one after the other.
struct ParameterGroup {
  std::vector<Parameter> parts;
  DType dtype = DType::f32;
  /// Rows behind the last part that no checkpoint sees; zero in value and gradient.
  Index padding_rows = 0;
  /// The gradient covers this tensor rank's slice of the tokens only: the sum over the axis is it.
  bool sum_over_tensor = false;
  /// Its gradient is summed over tokens that sequence parallelism cuts: in fixed order each
  /// sequence in eight chunks.
  bool by_token_chunks = false;
  /// A second copy of an array that another pipeline rank holds too (a tied output projection):
  /// norms and checkpoints leave it to the other.
  bool tied_copy = false;
  /// (rows of all parts + padding, columns); vectors lie end to end: (sum of lengths). Empty while
  /// the store keeps no more than this rank's shard of it.
  TensorView value;
  Index index = 0;         ///< position among the store's groups
  Index offset = 0;        ///< first element in flat arrays of whole groups
  Index shard_offset = 0;  ///< first element in flat arrays of shards
  Rows shard;  ///< the rows of this rank's shard, of all rows rounded up to equal shards

  [[nodiscard]] bool matrix() const { return parts.front().global_shape.ndim() > 1; }
  /// Rows of all parts and the padding; of a vector, its length.
  [[nodiscard]] Index rows() const {
    Index rows = padding_rows;
    for (const Parameter& part : parts) rows += part.box.extent[0];
    return rows;
  }
  /// Weight decay is for matrices only.
  [[nodiscard]] bool decays() const { return matrix(); }
};

/// A group's place in vectors that have one element for each.
[[nodiscard]] inline std::size_t at(const ParameterGroup& group) {
  return static_cast<std::size_t>(group.index);
}

}  // namespace tokenwerk
