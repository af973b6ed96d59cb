#include "parallel/tensor/tensor_parallel.h"

#include "parallel/tensor/column_parallel_linear.h"
#include "parallel/tensor/row_parallel_linear.h"
#include "parallel/tensor/vocabulary_parallel_embedding.h"
#include "parallel/tensor/vocabulary_parallel_loss_head.h"

namespace tokenwerk {

std::unique_ptr<LinearLayer> TensorParallel::column_linear(const LinearOptions& options) const {
  LinearOptions split = options;
  split.ranks = axis_->size();
  return std::make_unique<ColumnParallelLinear>(split, *axis_);
}

std::unique_ptr<LinearLayer> TensorParallel::row_linear(const LinearOptions& options) const {
  LinearOptions split = options;
  split.ranks = axis_->size();
  return std::make_unique<RowParallelLinear>(split, *axis_);
}

LayerFactory::CopySum TensorParallel::copy_sum() const {
  return [axis = axis_](Stream& stream, TensorView x) { axis->sum_copies(stream, x); };
}

std::unique_ptr<Norm> TensorParallel::norm(const NormOptions& options) const {
  auto norm = std::make_unique<Norm>(options);
  norm->for_each_group([this](ParameterGroup& group) { axis_->mark_replicated(group); });
  return norm;
}

std::unique_ptr<Layer> TensorParallel::embedding(const EmbeddingOptions& options) const {
  return std::make_unique<VocabularyParallelEmbedding>(options, *axis_);
}

std::unique_ptr<LossHead> TensorParallel::loss_head(const ParameterGroup& table,
                                                    Index vocabulary) const {
  const Index rows = table.parts.front().box.extent[0] + table.padding_rows;
  return std::make_unique<VocabularyParallelLossHead>(table, vocabulary, rows * axis_->rank(),
                                                      *axis_);
}

}  // namespace tokenwerk
