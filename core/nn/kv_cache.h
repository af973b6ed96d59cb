#pragma once
/// Keys and values of the tokens generated so far, so that a new token attends without recomputing.

#include <vector>

#include "core/tensor.h"

namespace tokenwerk {

/// Holds up to `capacity` tokens for each of `batch` sequences, per block of the model.
class KvCache {
 public:
  struct Block {
    Tensor k;  ///< (batch * capacity, kv_heads * head_size)
    Tensor v;
  };

  KvCache(Device& device, DType dtype, Index blocks, Index batch, Index capacity, Index width)
      : batch_(batch), capacity_(capacity) {
    for (Index i = 0; i < blocks; ++i) {
      blocks_.push_back({Tensor(device, dtype, Shape{batch * capacity, width}),
                         Tensor(device, dtype, Shape{batch * capacity, width})});
    }
  }
  [[nodiscard]] Index batch() const { return batch_; }
  [[nodiscard]] Index capacity() const { return capacity_; }
  [[nodiscard]] Block& block(Index index) { return blocks_[static_cast<std::size_t>(index)]; }

 private:
  Index batch_;
  Index capacity_;
  std::vector<Block> blocks_;
};

}  // namespace tokenwerk
