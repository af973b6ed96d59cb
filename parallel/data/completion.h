#pragma once
/// Knows when a group's gradient of a step is final.

#include "parallel/data/gradient_sync.h"

namespace tokenwerk {

/// Counts the uses of every group over the micro-batches of a step: a tied table has two a
/// micro-batch.
class Completion {
 public:
  Completion(const Units& units, std::size_t groups) : units_(&units), left_(groups) {}

  void begin(Index microbatches) {
    std::fill(left_.begin(), left_.end(), 0);
    for (const auto& unit : *units_)
      for (const ParameterGroup* group : unit) left_[at(*group)] += microbatches;
  }
  /// One micro-batch of one use is there. Returns whether it was the last one.
  [[nodiscard]] bool add(const ParameterGroup& group) { return --left_[at(group)] == 0; }

 private:
  const Units* units_;
  std::vector<Index> left_;
};

}  // namespace tokenwerk
