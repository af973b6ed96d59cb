#pragma once
/// The conformance test of every layer: its hand-written derivatives against finite differences,
/// and the promises of core/nn/layer.h.

#include "core/nn/layer.h"

namespace tokenwerk {

struct LayerCase {
  Index sequences = 2;
  Index rows_per_sequence = 3;
  Index inputs = 0;   ///< columns of x; 0: x is i32 tokens below `vocabulary`
  Index outputs = 0;  ///< columns of y
  Index vocabulary = 0;
};

/// `layer` computes in f64 and its parameters are not bound yet; `device` is a TestDevice's.
/// Checks, each reported by name: directional finite differences of x and of every parameter;
/// gradients accumulate; the same input gives the same bits; a delayed backward_weight equals the
/// immediate one; recomputed equals saved; the gradients of single sequences add up to that of all.
void check_layer(Device& device, Layer& layer, const LayerCase& shape);

}  // namespace tokenwerk
