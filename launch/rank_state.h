#pragma once
/// What a rank of a run holds from its first step to its last, known without holding it.

#include <cstddef>

#include "launch/recipe.h"
#include "models/model.h"

namespace tokenwerk {

/// Bytes of a rank's arrays that live as long as the run. Activations, gathered weights and
/// gradients on their way, scratch space, buffers of communication and what libraries hold come on
/// top.
struct RankState {
  Index rank = 0;
  std::size_t weights = 0;
  std::size_t gradients = 0;
  std::size_t moments = 0;  ///< m and v
  std::size_t master = 0;   ///< f32 copies of bf16 weights
  std::size_t sums = 0;     ///< loss, norms, learning rate: less than a kilobyte

  [[nodiscard]] std::size_t total() const { return weights + gradients + moments + master + sums; }
};

/// Builds the model's part, the gradients and the optimizer of that rank with the classes that
/// train, on the simulated device, and counts. The recipe is resolved and has no faults.
[[nodiscard]] RankState rank_state(const Recipe& recipe, const ModelConfig& config, Index rank);

/// That of a rank that holds most: the first of them.
[[nodiscard]] RankState fullest_rank(const Recipe& recipe, const ModelConfig& config);

}  // namespace tokenwerk
