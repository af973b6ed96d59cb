#pragma once
/// Forward and backward of a rank's stages, micro-batch by micro-batch.

#include <functional>
#include <map>

#include "core/nn/weight_observer.h"
#include "models/model.h"
#include "parallel/pipeline/stage_work.h"

namespace tokenwerk {

/// One micro-batch on the device: i32 tokens(N) and targets(N) of whole sequences.
struct MicroBatch {
  ConstTensorView tokens;
  ConstTensorView targets;
  /// What the views stand on, where nobody else keeps it.
  Tensor tokens_owner{};
  Tensor targets_owner{};
};

/// What the stages of one step have in common.
struct StageInputs {
  Index rows = 0;       ///< N of every micro-batch
  Index rows_here = 0;  ///< of residual arrays: N, or this rank's slice under sequence parallelism
  /// Micro-batch i; asked for once by the first and once by the last stage.
  std::function<MicroBatch(Index)> read;
  /// (ExactSum::stored), f64: the last stage adds the losses of the targets, one sum a sequence.
  TensorView loss_sum;
  double scale = 1.0;       ///< gradients are those of scale * that sum
  Mode mode = Mode::train;  ///< evaluate: forward keeps nothing, and there is no backward
  SumOrder order = SumOrder::fast;
  Index first_sequence = 0;  ///< of micro-batch 0 in the global batch; the others follow on it
};

/// Runs stages of a model. Activations between forward and backward live here, one set for each
/// stage and micro-batch in flight. At its peak a set holds the output of each layer but the last
/// and what their forward saved; after backward without weight gradients, the inputs and output
/// gradients of the products.
class StageRunner final : public StageWork {
 public:
  /// Without a sink it can only evaluate. The observer may be null.
  StageRunner(Stream& stream, const Model& model, GradientSink* sink, WeightObserver* observer);

  /// A new step: nothing is in flight.
  void begin(StageInputs inputs);

  [[nodiscard]] Tensor message() const override;
  void forward(Index stage, Index microbatch, TensorView y, ConstTensorView x) override;
  void backward(Index stage, Index microbatch, TensorView dx, ConstTensorView dy,
                WeightGradients when) override;
  void backward_weight(Index stage, Index microbatch) override;

 private:
  /// Forward keeping nothing for backward.
  void evaluate(const Stage& stage, Index microbatch, TensorView y, ConstTensorView x);
  struct Flight {
    MicroBatch batch;
    ConstTensorView x;
    std::vector<Tensor> outputs;    ///< of each layer but a stage's last, which is y
    std::vector<Tensor> gradients;  ///< by layer: dy, kept for backward_weight
    std::vector<Saved> saved;
    Tensor lse;
  };
  struct Key {
    Index stage = 0;
    Index microbatch = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  [[nodiscard]] Run run_of(Index microbatch, Mode mode) const;
  [[nodiscard]] Flight start(const Stage& stage, Index microbatch, ConstTensorView x);
  /// The head's forward: adds to the loss and returns the log-sum-exp that its backward needs.
  [[nodiscard]] Tensor head_forward(const Stage& stage, Run& run, const Flight& flight,
                                    ConstTensorView x);
  /// The head's backward: dy of the last layer.
  [[nodiscard]] Tensor head_backward(const Stage& stage, Run& run, Flight& flight);
  template <typename Body>
  void with_weights(Index unit, Direction direction, const Body& body);

  Stream* stream_;
  const Model* model_;
  GradientSink* sink_;
  WeightObserver* observer_;
  StageInputs inputs_;
  std::map<Key, Flight> flights_;
};

}  // namespace tokenwerk
