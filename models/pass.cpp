#include "models/pass.h"

#include <utility>

#include "core/ops/elementwise.h"

namespace tokenwerk {
namespace {

Run run_of(Stream& stream, const Model& model, const MicroBatch& batch, Mode mode) {
  const Index rows = batch.tokens.count(), length = model.config().sequence_length;
  TW_CHECK_AS(ShapeError, rows > 0 && rows % length == 0, "a micro-batch of ", rows,
              " tokens is no whole number of sequences of ", length);
  return {.stream = stream,
          .mode = mode,
          .rows_per_sequence = length,
          .first_sequence = batch.first_sequence};
}

/// The loss head's forward; returns the log-sum-exp that its backward needs.
Tensor head_forward(Run& run, const Model& model, ConstTensorView x, const MicroBatch& batch,
                    TensorView loss_sum) {
  const DType type = accumulation_type(x.dtype);
  const Index rows = x.rows();
  Tensor loss(*x.device, type, Shape{rows / run.rows_per_sequence, run.rows_per_sequence});
  Tensor lse(*x.device, type, Shape{rows});
  model.head().forward(run, loss.reshaped(Shape{rows}), lse, x, batch.targets);
  sum(run.stream, loss_sum, loss, Write::accumulate);
  return lse;
}

}  // namespace

void forward_backward(Stream& stream, Model& model, const MicroBatch& batch, GradientSink& sink,
                      TensorView loss_sum, double scale, const LayerDone& layer_done) {
  Run run = run_of(stream, model, batch, Mode::train);
  Device& device = model.device();
  const auto& layers = model.layers();
  const Shape shape{batch.tokens.count(), model.config().width};
  const auto done = [&](std::size_t layer) {
    if (layer_done) layer_done(layer);
  };

  std::vector<Tensor> outputs;
  std::vector<Saved> saved(layers.size());
  const auto input_of = [&](std::size_t i) -> ConstTensorView {
    return i == 0 ? batch.tokens : ConstTensorView(outputs[i - 1]);
  };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    outputs.emplace_back(device, model.dtype(), shape);
    layers[i]->forward(run, outputs[i], input_of(i), saved[i]);
  }

  Tensor dy(device, model.dtype(), shape);
  {
    const Tensor lse = head_forward(run, model, outputs.back(), batch, loss_sum);
    model.head().backward(run, dy, sink, outputs.back(), batch.targets, lse, scale);
  }
  done(layers.size());
  for (std::size_t i = layers.size(); i-- > 0;) {
    outputs[i] = Tensor();
    Tensor dx;
    if (i > 0) dx = Tensor(device, model.dtype(), shape);
    layers[i]->backward_input(run, dx, dy, input_of(i), saved[i]);
    layers[i]->backward_weight(run, saved[i], sink);
    saved[i].clear();
    dy = std::move(dx);
    done(i);
  }
}

void forward_features(Run& run, Model& model, TensorView y, ConstTensorView tokens) {
  const auto& layers = model.layers();
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

void forward_loss(Stream& stream, Model& model, const MicroBatch& batch, TensorView loss_sum) {
  Run run = run_of(stream, model, batch, Mode::evaluate);
  Tensor x(model.device(), model.dtype(), Shape{batch.tokens.count(), model.config().width});
  forward_features(run, model, x, batch.tokens);
  (void)head_forward(run, model, x, batch, loss_sum);
}

}  // namespace tokenwerk
