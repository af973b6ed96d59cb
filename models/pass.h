#pragma once
/// A whole model on one rank: for programs without a pipeline, generating and tests.

#include "models/stage_runner.h"

namespace tokenwerk {

/// Adds the targets' losses to loss_sum (ExactSum::stored), f64, and the gradients of scale * their
/// sum to the sink.
void forward_backward(Stream& stream, const Model& model, const MicroBatch& batch,
                      GradientSink& sink, TensorView loss_sum, double scale);

/// The last layer's output for tokens(N), for generating: y(N, C). The run may carry a KvCache.
void forward_features(Run& run, const Model& model, TensorView y, ConstTensorView tokens);

}  // namespace tokenwerk
