#pragma once
/// The layers of a model split over the tensor axis: Shoeybi et al. 2019 (arXiv:1909.08053).

#include "core/nn/layer_factory.h"
#include "parallel/tensor/tensor_axis.h"

namespace tokenwerk {

/// Makes tensor-parallel layers. The axis must outlive them.
class TensorParallel final : public LayerFactory {
 public:
  explicit TensorParallel(TensorAxis& axis) : axis_(&axis) {}

  [[nodiscard]] Share share(Index units) const override { return axis_->share(units); }
  [[nodiscard]] std::unique_ptr<LinearLayer> column_linear(
      const LinearOptions& options) const override;
  [[nodiscard]] std::unique_ptr<LinearLayer> row_linear(
      const LinearOptions& options) const override;
  [[nodiscard]] CopySum copy_sum() const override;
  [[nodiscard]] std::unique_ptr<Norm> norm(const NormOptions& options) const override;
  [[nodiscard]] std::unique_ptr<Layer> embedding(const EmbeddingOptions& options) const override;
  [[nodiscard]] std::unique_ptr<LossHead> loss_head(const ParameterGroup& table,
                                                    Index vocabulary) const override;

 private:
  TensorAxis* axis_;
};

}  // namespace tokenwerk
