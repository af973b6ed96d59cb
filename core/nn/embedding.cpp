#include "core/nn/embedding.h"

#include "core/ops/embedding.h"

namespace tokenwerk {

Embedding::Embedding(const EmbeddingOptions& options) {
  tokens_.dtype = positions_.dtype = options.dtype;
  const Shape tokens{options.vocabulary, options.width};
  tokens_.parts.push_back({"embedding.tokens.weight",
                           tokens,
                           Box::whole(tokens),
                           {.deviation = options.deviation},
                           {}});
  tokens_.padding_rows = options.padded_vocabulary - options.vocabulary;
  if (options.positions > 0) {
    const Shape positions{options.positions, options.width};
    positions_.parts.push_back({"embedding.positions.weight",
                                positions,
                                Box::whole(positions),
                                {.deviation = options.deviation},
                                {}});
  }
}

void Embedding::forward(Run& run, TensorView y, ConstTensorView x, Saved&) {
  embedding_forward(run.stream, y, x, tokens_.value);
  if (positions_.value) {
    position_embedding_forward(run.stream, y, positions_.value,
                               {run.rows_per_sequence, run.token_offset});
  }
}

void Embedding::backward_input(Run&, TensorView, ConstTensorView dy, ConstTensorView x,
                               Saved& saved) {
  saved.keep(kept_x, x);
  saved.keep(kept_dy, dy);
}

void Embedding::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  const ConstTensorView dy = saved.get(kept_dy);
  const ConstTensorView x = saved.get(kept_x);
  sink.add(run, tokens_, dy.rows(), [&](TensorView gradient, Rows rows, Write write) {
    ConstTensorView tokens = x;  // (N): its elements are its rows
    tokens.shape = Shape{rows.count()};
    tokens.data = x.as<std::int32_t>() + rows.first;
    embedding_backward(run.stream, gradient, dy.slice_rows(rows), tokens, write);
  });
  if (positions_.value) {
    sink.add(run, positions_, dy.rows(), [&](TensorView gradient, Rows rows, Write write) {
      position_embedding_backward(run.stream, gradient, dy.slice_rows(rows),
                                  {run.rows_per_sequence, run.token_offset}, write);
    });
  }
  saved.clear();
}

void Embedding::for_each_group(const std::function<void(ParameterGroup&)>& visit) {
  visit(tokens_);
  if (!positions_.parts.empty()) visit(positions_);
}

}  // namespace tokenwerk
