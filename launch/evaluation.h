#pragma once
/// The loss of a model on held-out text.

#include <functional>

#include "core/data/dataset.h"
#include "models/stage_runner.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

struct Evaluation {
  double loss = 0.0;    ///< mean over the tokens, in nats
  Index sequences = 0;  ///< how many were read
};

/// Micro-batches whose losses are wanted: as many on every rank.
struct EvaluationBatches {
  Index count = 0;
  Index rows = 0;                         ///< tokens of each
  std::function<MicroBatch(Index)> read;  ///< micro-batch i
};

/// Sum of the losses of all targets, over all ranks, on each of them.
using LossSum = std::function<double(const EvaluationBatches&)>;

/// Mean loss over the first `limit` samples of the dataset (all of them if it has fewer; 0: all),
/// divided among the ranks of `data`, the same on each of them.
[[nodiscard]] Evaluation evaluate(Stream& stream, const TokenDataset& dataset, Communicator& data,
                                  Index micro_batch, Index limit, const LossSum& loss_sum);

/// An exact sum (ExactSum::stored) as one number, once the stream has come here.
[[nodiscard]] double total_on_host(Stream& stream, ConstTensorView sum);

/// The losses of a whole model on each rank of `data`.
[[nodiscard]] LossSum whole_model_loss(Stream& stream, const Model& model, Communicator& data);

}  // namespace tokenwerk
