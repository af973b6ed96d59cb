#pragma once
/// AdamW over the parameters whose optimizer state this rank keeps, with global-norm clipping.

#include <functional>
#include <limits>

#include "core/nn/parameter_store.h"
#include "core/ops/optimizer.h"

namespace tokenwerk {

/// What changes from step to step, made on the host.
struct StepSettings {
  Index step = 1;  ///< of this update, from 1: the exponent of the bias corrections
  double learning_rate = 0.0;
  double clip = 0.0;  ///< norm that a larger gradient is scaled down to; 0: no clipping
  /// The largest gradient norm and loss with which anything is updated.
  double most_norm = std::numeric_limits<double>::infinity();
  double most_loss = std::numeric_limits<double>::infinity();
};

/// Outcome of a step, as the device has it.
struct StepOutcome {
  double gradient_norm = 0.0;  ///< before clipping
  bool updated = true;  ///< false: loss or norm was no finite number or above the settings' most
};

/// Finds this rank's shard of a group's gradient: as ParameterStore::shard_window, in
/// accumulation_type.
using ShardGradient = std::function<TensorView(const ParameterGroup&)>;

/// Memory, per parameter of the shards: m and v in f32, and for bf16 weights a master copy in f32.
class AdamWOptimizer {
 public:
  /// Takes master copies of the store's present values where they are narrower than the state.
  AdamWOptimizer(Device& device, Stream& stream, const ParameterStore& store, AdamW options);

  /// sum(ExactSum::stored) += the squares of what this rank counts of the gradient. `tiles`: how
  /// many sums each global row is cut into, so that ranks which hold a part of it give whole ones.
  void add_squares(Stream& stream, TensorView sum, const ShardGradient& gradient,
                   Index tiles) const;
  /// One update of this rank's shards of the values, from the sum of squares (1), f64, of the whole
  /// gradient, and the loss (1), f64, if it is not empty. Never reads the device.
  void step(Stream& stream, const ShardGradient& gradient, ConstTensorView squared_norm,
            ConstTensorView loss, const StepSettings& settings);
  /// Both for a rank that holds the whole model: `gradients` is flat, laid out like the store.
  void step(Stream& stream, TensorView gradients, const StepSettings& settings);
  /// Waits for the step and reads what it found.
  [[nodiscard]] StepOutcome outcome(Stream& stream) const;

  /// Flat arrays of shards; master() is empty where the values themselves are kept in that type.
  [[nodiscard]] TensorView m() const { return m_; }
  [[nodiscard]] TensorView v() const { return v_; }
  [[nodiscard]] TensorView master() const { return master_; }
  /// After values alone were read: sets master() from them.
  void take_master(Stream& stream) const;

 private:
  const ParameterStore* store_;
  AdamW options_;
  Tensor m_, v_, master_;
  Tensor scalars_;  ///< StepScalar
};

}  // namespace tokenwerk
