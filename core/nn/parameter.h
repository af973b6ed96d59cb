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

/// One array of the model, or the part of it that this rank holds.
struct Parameter {
  std::string name;    ///< unique in the model: "blocks.7.mlp.up.weight"
  Shape global_shape;  ///< of the unsharded array, padding not counted
  Box box;             ///< what part of it `value` holds
  Initial initial;
  TensorView value;  ///< window on the group's buffer; empty until the store binds it
};

/// Parameters that lie side by side in one buffer and are used by one product, as q, k and v are.
/// All parts have the same columns; the buffer's rows are the parts' rows one after the other.
struct ParameterGroup {
  std::vector<Parameter> parts;
  DType dtype = DType::f32;
  Index padding_rows =
      0;  ///< rows behind the last part that no checkpoint sees; zero in value and gradient
  TensorView
      value;  ///< (rows of all parts + padding, columns); vectors lie end to end: (sum of lengths)
  Index offset = 0;  ///< first element in the store's flat arrays
  Index index = 0;   ///< position among the store's groups

  /// Weight decay is for matrices only.
  [[nodiscard]] bool decays() const { return parts.front().global_shape.ndim() > 1; }
};

}  // namespace tokenwerk
