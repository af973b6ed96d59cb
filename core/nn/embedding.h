#pragma once
/// Token and learned position embeddings.

#include "core/nn/layer.h"
#include "core/nn/vocabulary_table.h"

namespace tokenwerk {

/// Learned positions: one row for each place in a sequence. A piece of the embedding layers.
class PositionTable {
 public:
  /// `positions` of 0: no table, and every call does nothing.
  PositionTable(Index positions, Index width, double deviation, DType dtype);

  /// y(N,C) += table(T,C)[position of each row]; y begins at this row of the micro-batch.
  void add_to(Run& run, TensorView y, Index first_row) const;
  void add_gradient(Run& run, ConstTensorView dy, GradientSink& sink) const;
  [[nodiscard]] ParameterGroup& group() { return group_; }
  [[nodiscard]] explicit operator bool() const { return !group_.parts.empty(); }

 private:
  ParameterGroup group_;
};

struct EmbeddingOptions {
  VocabularyTable tokens;
  Index positions = 0;  ///< longest sequence; 0: no position table
};

/// y(N,C) = tokens_table(V,C)[x(N)] + positions_table(T,C)[position]. The input is i32 tokens and
/// has no gradient: backward_input ignores dx, which may be empty. A token whose row is not among
/// the table's share gives zeros.
class Embedding final : public Layer {
 public:
  explicit Embedding(const EmbeddingOptions& options);

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x, Saved& saved,
                      GradientSink* sink) override;
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  /// The token table, which a tied output uses too, comes first.
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

  /// The token table's gradient at once.
  void add_token_gradient(Run& run, ConstTensorView dy, ConstTensorView tokens,
                          GradientSink& sink) const;

 private:
  enum Slot { kept_x, kept_dy };
  Index first_token_;
  ParameterGroup tokens_;
  PositionTable positions_;
};

}  // namespace tokenwerk
