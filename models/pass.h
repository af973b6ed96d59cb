#pragma once
/// Forward and backward of a whole model on one rank.

#include <functional>

#include "models/model.h"

namespace tokenwerk {

/// One micro-batch on the device: i32 tokens(N) and targets(N) of whole sequences.
struct MicroBatch {
  ConstTensorView tokens;
  ConstTensorView targets;
  Index first_sequence = 0;  ///< global index of the first one
};

/// Called when the gradients of layer `layer` are complete for this micro-batch, from the head
/// (layers().size()) down to the embedding (0).
using LayerDone = std::function<void(std::size_t layer)>;

/// Adds the sum of the targets' losses to loss_sum (1), f64, and the gradients of scale * that sum
/// to the sink. Holds at its peak: the input of each layer and what its forward saved.
void forward_backward(Stream& stream, Model& model, const MicroBatch& batch, GradientSink& sink,
                      TensorView loss_sum, double scale, const LayerDone& layer_done = {});

/// Adds the sum of the targets' losses to loss_sum, keeping no activations.
void forward_loss(Stream& stream, Model& model, const MicroBatch& batch, TensorView loss_sum);

/// The last layer's output for tokens(N), for generating: y(N, C). The run may carry a KvCache.
void forward_features(Run& run, Model& model, TensorView y, ConstTensorView tokens);

}  // namespace tokenwerk
