#include "parallel/tensor/vocabulary_parallel_embedding.h"

#include "core/ops/elementwise.h"

namespace tokenwerk {

VocabularyParallelEmbedding::VocabularyParallelEmbedding(const EmbeddingOptions& options,
                                                         TensorAxis& axis)
    : axis_(&axis),
      tokens_({.tokens = options.tokens}),
      positions_(options.positions, options.tokens.width, options.tokens.deviation,
                 options.tokens.dtype) {
  axis.mark_replicated(positions_.group());
  positions_.group().sum_over_tensor = false;  // every rank makes it from all tokens
}

void VocabularyParallelEmbedding::forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) {
  PartialSum sum(*axis_, y, run.rows);
  const TensorView partial = sum.partial();
  if (partial.dtype == y.dtype) {
    tokens_.forward(run, partial, x, saved);
  } else {
    const Tensor narrow(*y.device, y.dtype, partial.shape);
    tokens_.forward(run, narrow, x, saved);
    convert(run.stream, partial, narrow);
  }
  sum.start(run.stream);
  sum.finish(run.stream);
  positions_.add_to(run, y, axis_->rows_here(run.rows).first);
}

void VocabularyParallelEmbedding::backward_input(Run& run, TensorView, ConstTensorView dy,
                                                 ConstTensorView x, Saved& saved,
                                                 GradientSink* sink) {
  saved.keep(kept_x, x);
  saved.keep(kept_dy, dy);
  if (sink != nullptr) backward_weight(run, saved, *sink);
}

void VocabularyParallelEmbedding::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  const ConstTensorView dy = saved.get(kept_dy);
  WholeRows rows(*axis_, run.stream, dy, run.rows);
  const ConstTensorView whole = rows.wait(run.stream);
  tokens_.add_token_gradient(run, whole, saved.get(kept_x), sink);
  positions_.add_gradient(run, whole, sink);
  saved.clear();
}

void VocabularyParallelEmbedding::for_each_group(
    const std::function<void(ParameterGroup&)>& visit) {
  tokens_.for_each_group(visit);
  if (positions_) visit(positions_.group());
}

}  // namespace tokenwerk
