#pragma once
/// Where weight gradients go. A layer does not know whether they are accumulated at once or kept
/// apart by sequence for a sum of fixed order: it only offers to compute any range of rows.

#include <functional>

#include "core/nn/parameter.h"
#include "core/ops/operations.h"

namespace tokenwerk {

struct Run;

class GradientSink {
 public:
  /// Computes the gradient that the rows give, into an array of the group's shape in
  /// accumulation_type.
  using Product = std::function<void(TensorView gradient, Rows rows, Write write)>;

  virtual ~GradientSink() = default;
  /// Takes the gradient of one use of a group over `rows` rows of the run's batch, by calling
  /// `product` on ranges that together cover them once, each a whole number of sequences.
  virtual void add(const Run& run, const ParameterGroup& group, Index rows,
                   const Product& product) = 0;
};

}  // namespace tokenwerk
