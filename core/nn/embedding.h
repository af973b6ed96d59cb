#pragma once
/// Token and learned position embeddings.

#include "core/nn/layer.h"

namespace tokenwerk {

struct EmbeddingOptions {
  Index vocabulary = 0;
  Index padded_vocabulary = 0;  ///< rows in memory; those past the vocabulary are zero
  Index positions = 0;          ///< longest sequence; 0: no position table
  Index width = 0;
  double deviation = 0.02;
  DType dtype = DType::f32;
};

/// y(N,C) = tokens_table(V,C)[x(N)] + positions_table(T,C)[position]. The input is i32 tokens and
/// has no gradient: backward_input ignores dx, which may be empty.
class Embedding final : public Layer {
 public:
  explicit Embedding(const EmbeddingOptions& options);

  /// The token table, which a tied output uses too.
  [[nodiscard]] const ParameterGroup& tokens() const { return tokens_; }

  void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) override;
  void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                      Saved& saved) override;
  void backward_weight(Run& run, Saved& saved, GradientSink& sink) override;
  void for_each_group(const std::function<void(ParameterGroup&)>& visit) override;

 private:
  enum Slot { kept_x, kept_dy };
  ParameterGroup tokens_;
  ParameterGroup positions_;  ///< no parts: no positions
};

}  // namespace tokenwerk
