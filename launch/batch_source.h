#pragma once
/// Which samples each step of a run learns from, and this rank's share of them.

#include "core/data/sample_order.h"
#include "core/trace.h"
#include "launch/batch_reader.h"
#include "launch/train_step.h"

namespace tokenwerk {

/// A step's global batch is the next `global_batch` samples in the order of the data that are not
/// left out, whatever the layout.
class BatchSource {
 public:
  /// `data`: the ranks that share a batch. The recorder may be null.
  BatchSource(Device& device, const TokenDataset& dataset, const Recipe& recipe,
              const Communicator& data, TraceRecorder* trace);

  /// From now on these places are passed over.
  void leave_out(LeftOut places) { left_out_ = std::move(places); }
  /// The places that the batch of a run which stands at place `first` lies in, with those left out
  /// between them.
  [[nodiscard]] SampleRange places(Index first) const;
  /// The micro-batches of this rank in that batch; read while the next call has not come.
  [[nodiscard]] StepBatches batches(Stream& stream, Index first);
  /// Seconds spent in reading since the last call of this.
  [[nodiscard]] double take_seconds() { return reader_.take_seconds(); }

 private:
  [[nodiscard]] MicroBatch read(Stream& stream, Index first, SampleRange part);

  Index global_batch_, micro_batch_;
  double targets_;    ///< of a global batch
  SampleRange mine_;  ///< of the samples of a global batch, those of this rank
  SampleOrder order_;
  BatchReader reader_;
  TraceRecorder* trace_;
  LeftOut left_out_;
  std::vector<Index> samples_;
};

}  // namespace tokenwerk
