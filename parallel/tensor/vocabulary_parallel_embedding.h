#pragma once
/// Embeddings whose token table is split over the tensor axis by rows.

#include "core/nn/embedding.h"
#include "parallel/tensor/tensor_axis.h"

namespace tokenwerk {

/// As Embedding. Forward: each rank looks up the tokens that its rows hold, and the sum over the
/// ranks (all-reduce, or reduce-scatter to the slice) is y: one summand is not zero, so it is
/// exact. Backward: nothing, or an all-gather of dy. The position table is the same on every rank.
class VocabularyParallelEmbedding final : public Layer {
 public:
  VocabularyParallelEmbedding(const EmbeddingOptions& options, TensorAxis& axis);

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x, Saved& saved,
                      GradientSink* sink) override;
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

 private:
  enum Slot { kept_x, kept_dy };
  TensorAxis* axis_;
  Embedding tokens_;
  PositionTable positions_;
};

}  // namespace tokenwerk
