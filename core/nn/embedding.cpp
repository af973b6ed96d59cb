#include "core/nn/embedding.h"

#include "core/ops/embedding.h"

namespace tokenwerk {

PositionTable::PositionTable(Index positions, Index width, double deviation, DType dtype) {
  if (positions == 0) return;
  const Shape shape{positions, width};
  group_.dtype = dtype;
  group_.parts.push_back(
      {"embedding.positions.weight", shape, Box::whole(shape), {.deviation = deviation}});
}

void PositionTable::add_to(Run& run, TensorView y, Index first_row) const {
  if (!*this) return;
  position_embedding_forward(run.stream, y, group_.value,
                             {run.rows_per_sequence, run.token_offset, first_row});
}

void PositionTable::add_gradient(Run& run, ConstTensorView dy, GradientSink& sink) const {
  if (!*this) return;
  sink.add(run, group_, dy.rows(), [&](TensorView gradient, Rows rows, Write write) {
    position_embedding_backward(run.stream, gradient, dy.slice_rows(rows),
                                {run.rows_per_sequence, run.token_offset, rows.first}, write);
  });
}

Embedding::Embedding(const EmbeddingOptions& options)
    : first_token_(options.tokens.rows.first),
      tokens_(make_group(options.tokens)),
      positions_(options.positions, options.tokens.width, options.tokens.deviation,
                 options.tokens.dtype) {}

void Embedding::forward(Run& run, TensorView y, ConstTensorView x, Saved&) {
  embedding_forward(run.stream, y, x, tokens_.value, first_token_);
  positions_.add_to(run, y, 0);
}

void Embedding::backward_input(Run& run, TensorView, ConstTensorView dy, ConstTensorView x,
                               Saved& saved, GradientSink* sink) {
  saved.keep(kept_x, x);
  saved.keep(kept_dy, dy);
  if (sink != nullptr) backward_weight(run, saved, *sink);
}

void Embedding::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  const ConstTensorView dy = saved.get(kept_dy);
  add_token_gradient(run, dy, saved.get(kept_x), sink);
  positions_.add_gradient(run, dy, sink);
  saved.clear();
}

void Embedding::add_token_gradient(Run& run, ConstTensorView dy, ConstTensorView tokens,
                                   GradientSink& sink) const {
  sink.add(run, tokens_, dy.rows(), [&](TensorView gradient, Rows rows, Write write) {
    ConstTensorView part = tokens;  // (N): its elements are its rows
    part.shape = Shape{rows.count()};
    part.data = tokens.as<std::int32_t>() + rows.first;
    embedding_backward(run.stream, gradient, dy.slice_rows(rows), part, write, first_token_);
  });
}

void Embedding::for_each_group(const std::function<void(ParameterGroup&)>& visit) {
  visit(tokens_);
  if (positions_) visit(positions_.group());
}

}  // namespace tokenwerk
