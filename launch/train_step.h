#pragma once
/// One optimizer step of a run: the pipeline's schedule, gradient sums, update.

#include <functional>

#include "core/optimizer/adamw_optimizer.h"
#include "launch/evaluation.h"
#include "launch/parallelism.h"
#include "models/stage_runner.h"
#include "parallel/pipeline/interpreter.h"

namespace tokenwerk {

/// The micro-batches of one step on this rank.
struct StepBatches {
  Index rows = 0;                         ///< tokens of each
  std::function<MicroBatch(Index)> read;  ///< micro-batch i
  double scale = 1.0;  ///< 1 / targets of the global batch that count: makes the loss their mean
  Index first_sequence = 0;      ///< of micro-batch 0 in the global batch
  double gradient_factor = 1.0;  ///< other than 1: a fault on request in this rank's gradient
};

/// What a step found, the same on every rank.
struct StepResult {
  double loss = 0.0;  ///< mean over the global batch
  double gradient_norm = 0.0;
  bool updated = true;  ///< false: loss or norm was no finite number, or above the settings' most
};

/// Holds, beside the model: gradients and optimizer state, or this rank's shards of them.
class TrainStep {
 public:
  /// The recorder may be null.
  TrainStep(Stream& stream, Model& model, Parallelism& parallelism, const AdamW& options,
            TraceRecorder* trace);

  /// Weights and optimizer state change only after `before_update` has returned.
  [[nodiscard]] StepResult run(const StepSettings& settings, const StepBatches& batches,
                               const std::function<void()>& before_update);
  /// Forward and backward of micro-batch 0 alone, whose gradients go to this sink and nowhere else.
  /// Its loss, on ranks that have the head; 0 on others. The ranks of a replica call together, of
  /// sharded weights (ZeRO) all replicas.
  [[nodiscard]] double differentiate(const StepBatches& batches, GradientSink& sink);
  /// Sum of the losses of all targets over all ranks, without any training.
  [[nodiscard]] double evaluate(const EvaluationBatches& batches);
  /// All weights that this rank keeps whole are up to date.
  void wait_for_weights();
  [[nodiscard]] AdamWOptimizer& optimizer() { return optimizer_; }

 private:
  /// Passes what the stages tell on to whoever holds weights and gradients.
  class Observer : public WeightObserver {
   public:
    explicit Observer(TrainStep& step) : step_(&step) {}
    void before(Index unit, Direction direction) override;
    void after(Index unit, Direction direction) override;
    void gradients_added(Index unit) override;

   protected:
    TrainStep* step_;
  };
  /// The same where the gradients go elsewhere.
  class ValueObserver final : public Observer {
   public:
    using Observer::Observer;
    void gradients_added(Index /*unit*/) override {}
  };
  enum Sum : int { loss_sum, squares_sum, sums };

  [[nodiscard]] TensorView sum_at(Sum which) const;
  [[nodiscard]] StageInputs inputs(const StepBatches& batches, Mode mode) const;
  /// Clips and updates what this rank keeps. `loss_scale` makes the sum of losses their mean.
  void update(const StepSettings& settings, double loss_scale);
  /// Adds the two gradients of a tied table that lies on two pipeline ranks.
  void join_tied_gradients();
  /// Sums over all ranks what each counts of loss and squared norm.
  void reduce_sums();

  Stream* stream_;
  Model* model_;
  Parallelism* parallelism_;
  TraceRecorder* trace_;
  std::unique_ptr<GradientSync> gradients_;
  ShardedValues values_;
  AdamWOptimizer optimizer_;
  Tensor sums_;  ///< (sums, ExactSum::stored), f64
  Observer observer_;
  StageRunner runner_;
  PipelineInterpreter pipeline_;
};

}  // namespace tokenwerk
