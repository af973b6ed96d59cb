#pragma once
/// Makes the layers of a model: plain ones here, tensor-parallel ones in parallel/tensor. What a
/// model is made of is written once, whatever the degree.

#include <memory>

#include "core/nn/embedding.h"
#include "core/nn/linear.h"
#include "core/nn/loss_head.h"
#include "core/nn/norm.h"

namespace tokenwerk {

class LayerFactory {
 public:
  LayerFactory() = default;
  LayerFactory(const LayerFactory&) = delete;
  LayerFactory& operator=(const LayerFactory&) = delete;
  virtual ~LayerFactory() = default;

  /// This rank's part of so many heads, feed-forward columns or padded tokens. Where there are
  /// fewer units than ranks (kv heads), several ranks hold the same one.
  [[nodiscard]] virtual Share share(Index units) const { return Share::all(units); }
  /// y(N, F here) = x(N,C) w^T + b, the outputs of each part split as its share says.
  [[nodiscard]] virtual std::unique_ptr<LinearLayer> column_linear(
      const LinearOptions& options) const {
    return std::make_unique<Linear>(options);
  }
  /// y(N,F) = x(N, C here) w^T + b, the inputs split as their share says.
  [[nodiscard]] virtual std::unique_ptr<LinearLayer> row_linear(
      const LinearOptions& options) const {
    return std::make_unique<Linear>(options);
  }
  /// Sums an array over the ranks that hold the same unit of a share with copies; empty: none do.
  using CopySum = std::function<void(Stream&, TensorView)>;
  [[nodiscard]] virtual CopySum copy_sum() const { return {}; }
  [[nodiscard]] virtual std::unique_ptr<Norm> norm(const NormOptions& options) const {
    return std::make_unique<Norm>(options);
  }
  /// Tokens to vectors; the table's rows are split as their share says.
  [[nodiscard]] virtual std::unique_ptr<Layer> embedding(const EmbeddingOptions& options) const {
    return std::make_unique<Embedding>(options);
  }
  /// The head on a table that holds this share of the padded tokens.
  [[nodiscard]] virtual std::unique_ptr<LossHead> loss_head(const ParameterGroup& table,
                                                            Index vocabulary) const {
    return std::make_unique<PlainLossHead>(table, vocabulary);
  }
};

}  // namespace tokenwerk
