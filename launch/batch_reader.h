#pragma once
/// From samples of a dataset to a micro-batch on the device.

#include <span>
#include <vector>

#include "core/data/dataset.h"
#include "launch/recipe.h"
#include "launch/sample_places.h"
#include "models/stage_runner.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Opens a token file and checks its tokens, the ranks dividing them among themselves.
[[nodiscard]] TokenDataset open_dataset(const std::string& prefix, const Recipe& recipe,
                                        Communicator& ranks);

/// Reads micro-batches of so many sequences. Several may be in use at a time.
class BatchReader {
 public:
  BatchReader(Device& device, const TokenDataset& dataset, Index micro_batch);

  /// Tokens of a micro-batch.
  [[nodiscard]] Index rows() const { return static_cast<Index>(host_tokens_.size()); }
  /// Reads these samples. Where they are fewer than micro_batch, sequences of masked targets fill
  /// it up.
  MicroBatch read(Stream& stream, std::span<const Index> samples);
  /// Seconds spent in `read` since the last call of this.
  [[nodiscard]] double take_seconds();

 private:
  Device* device_;
  const TokenDataset* dataset_;
  std::vector<std::int32_t> host_tokens_, host_targets_;
  double seconds_ = 0.0;
};

}  // namespace tokenwerk
