#pragma once
/// A decoder-only language model: embedding, blocks, final norm, loss head.

#include <memory>
#include <vector>

#include "core/nn/layer.h"
#include "core/nn/loss_head.h"
#include "core/nn/parameter_store.h"
#include "models/config.h"

namespace tokenwerk {

/// The layers of a model on one rank and the store that holds their parameters. Values are
/// undefined until parameters().initialise or a checkpoint sets them.
class Model {
 public:
  /// Builds the model that the configuration describes; the configuration has no faults.
  Model(Device& device, const ModelConfig& config, DType dtype);

  [[nodiscard]] const ModelConfig& config() const { return config_; }
  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] Device& device() const { return *device_; }
  /// Embedding, blocks, final norm: each maps (N, C) to (N, C), the first one i32 tokens (N) to (N,
  /// C).
  [[nodiscard]] const std::vector<std::unique_ptr<Layer>>& layers() const { return layers_; }
  [[nodiscard]] const LossHead& head() const { return *head_; }
  [[nodiscard]] ParameterStore& parameters() { return *parameters_; }
  [[nodiscard]] const ParameterStore& parameters() const { return *parameters_; }

  /// Calls visit with the groups whose last gradient of a backward pass comes from this layer (the
  /// head counts as layer layers().size()).
  void for_each_final_group(std::size_t layer,
                            const std::function<void(const ParameterGroup&)>& visit) const;

 private:
  Device* device_;
  ModelConfig config_;
  DType dtype_;
  std::vector<std::unique_ptr<Layer>> layers_;
  ParameterGroup output_;  ///< no parts: tied
  std::unique_ptr<LossHead> head_;
  std::unique_ptr<ParameterStore> parameters_;
};

}  // namespace tokenwerk
