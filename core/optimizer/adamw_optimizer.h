#pragma once
/// AdamW over all parameters of a rank, with global-norm clipping.

#include "core/nn/parameter_store.h"
#include "core/ops/optimizer.h"

namespace tokenwerk {

/// What changes from step to step, made on the host.
struct StepSettings {
  Index step = 1;  ///< of this update, from 1: the exponent of the bias corrections
  double learning_rate = 0.0;
  double clip = 0.0;  ///< largest norm of the global gradient; 0: no clipping
};

/// Outcome of a step, as the device has it.
struct StepOutcome {
  double gradient_norm = 0.0;  ///< before clipping
  bool finite = true;  ///< false: the gradient held a NaN or an infinity and nothing was updated
};

/// Memory, per parameter: m and v in f32, and for bf16 weights a master copy in f32.
class AdamWOptimizer {
 public:
  /// Takes master copies of the store's present values where they are narrower than the state.
  AdamWOptimizer(Device& device, Stream& stream, const ParameterStore& store, AdamW options);

  /// One update from the flat gradient (laid out like the store). Never reads the device.
  void step(Stream& stream, ConstTensorView gradients, const StepSettings& settings);
  /// Waits for the step and reads what it found.
  [[nodiscard]] StepOutcome outcome(Stream& stream) const;

  /// Flat arrays laid out like the store; master() is empty where the values themselves are kept in
  /// that type.
  [[nodiscard]] TensorView m() const { return m_; }
  [[nodiscard]] TensorView v() const { return v_; }
  [[nodiscard]] TensorView master() const { return master_; }
  /// After a checkpoint was read into master(): sets the values from it.
  void round_master(Stream& stream) const;
  /// The other way, after weights alone were read.
  void take_master(Stream& stream) const;

 private:
  const ParameterStore* store_;
  AdamW options_;
  Tensor m_, v_, master_;
  Tensor scalars_;       ///< StepScalar
  Tensor squared_norm_;  ///< (1), f64
};

}  // namespace tokenwerk
