#include "models/pass.h"

#include <utility>

namespace tokenwerk {

void forward_backward(Stream& stream, const Model& model, const MicroBatch& batch,
                      GradientSink& sink, TensorView loss_sum, double scale) {
  StageRunner runner(stream, model, &sink, nullptr);
  const Index rows = batch.tokens.count();
  runner.begin({.rows = rows,
                .rows_here = rows,
                .read =
                    [&](Index) {
                      return MicroBatch{batch.tokens, batch.targets};
                    },
                .loss_sum = loss_sum,
                .scale = scale});
  runner.forward(0, 0, {}, {});
  runner.backward(0, 0, {}, {}, WeightGradients::at_once);
}

void forward_features(Run& run, const Model& model, TensorView y, ConstTensorView tokens) {
  const auto& layers = model.stage(0).layers;
  const Shape shape{tokens.count(), model.config().width};
  Tensor x;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const bool last = i + 1 == layers.size();
    Tensor next;
    if (!last) next = Tensor(model.device(), model.dtype(), shape);
    Saved saved;
    layers[i]->forward(run, last ? y : next.view(), i == 0 ? tokens : ConstTensorView(x), saved);
    x = std::move(next);
  }
}

}  // namespace tokenwerk
