#pragma once
/// The loss of a model on held-out text.

#include "core/data/dataset.h"
#include "models/model.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

struct Evaluation {
  double loss = 0.0;    ///< mean over the tokens, in nats
  Index sequences = 0;  ///< how many were read
};

/// Mean loss over the first `limit` samples of the dataset (all of them if it has fewer; 0: all),
/// divided among the ranks of `data`, the same on each of them.
[[nodiscard]] Evaluation evaluate(Stream& stream, Model& model, const TokenDataset& dataset,
                                  Communicator& data, Index micro_batch, Index limit);

}  // namespace tokenwerk
