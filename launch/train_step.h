#pragma once
/// One optimizer step of a data-parallel run: micro-batches, gradient sums, update.

#include <functional>

#include "core/nn/accumulating_sink.h"
#include "core/optimizer/adamw_optimizer.h"
#include "models/pass.h"
#include "parallel/data/gradient_reducer.h"

namespace tokenwerk {

/// The micro-batches of one step on this rank.
struct StepBatches {
  Index count = 0;
  std::function<MicroBatch(Index)> read;  ///< micro-batch i, valid until the next call
  double scale = 1.0;  ///< 1 / targets of the global batch that count: makes the loss their mean
};

/// What a step found, the same on every rank but for the seconds.
struct StepResult {
  double loss = 0.0;  ///< mean over the global batch
  double gradient_norm = 0.0;
  bool finite = true;            ///< false: loss or gradient is not, and nothing was updated
  double exposed_seconds = 0.0;  ///< compute held up by communication
};

/// Holds, beside the model: gradients and optimizer state. Gradients are summed over the data axis
/// in buckets while the last micro-batch's backward still runs.
class TrainStep {
 public:
  TrainStep(Stream& stream, Model& model, Communicator& data, const AdamW& options);

  [[nodiscard]] StepResult run(const StepSettings& settings, const StepBatches& batches);
  [[nodiscard]] AdamWOptimizer& optimizer() { return optimizer_; }

 private:
  [[nodiscard]] std::vector<ElementRange> units() const;
  [[nodiscard]] ElementRange range_of(const ParameterGroup& group) const;

  Stream* stream_;
  Model* model_;
  Communicator* data_;
  Tensor gradients_;
  Tensor loss_sum_;  ///< (1), f64
  AccumulatingSink sink_;
  AdamWOptimizer optimizer_;
  GradientReducer reducer_;
};

}  // namespace tokenwerk
