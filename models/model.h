#pragma once
/// A decoder-only language model: embedding, blocks, final norm, loss head.

#include <memory>
#include <vector>

#include "core/nn/block.h"
#include "core/nn/parameter_store.h"
#include "models/partition.h"

namespace tokenwerk {

/// What of a model a rank builds, and how it keeps it.
struct ModelPart {
  /// All stages of the model; empty: one, with all blocks.
  std::vector<BlockRange> stages;
  /// Which of them are built here, ascending.
  std::vector<Index> mine{0};
  /// Makes the layers; none: plain ones.
  const LayerFactory* layers = nullptr;
  Index tensor = 1;  ///< ranks over which the factory splits
  Recompute recompute = Recompute::none;
  Sharding sharding;
  Residence residence = Residence::whole;
};

/// Layers that one rank computes between two exchanges of activations.
struct Stage {
  Index index = 0;     ///< in the whole model
  bool first = false;  ///< its input is tokens
  std::vector<std::unique_ptr<Layer>> layers;
  std::unique_ptr<LossHead> head;  ///< of the last stage only
  Index first_unit = 0;            ///< its layers are units from here on, then its head

  [[nodiscard]] Index units() const { return static_cast<Index>(layers.size()) + (head ? 1 : 0); }
};

/// The stages of a model on one rank and the store that holds their parameters. Values are
/// undefined until parameters().initialise or a checkpoint sets them.
class Model {
 public:
  /// Builds the part of the model that the configuration describes; the configuration has no
  /// faults.
  Model(Device& device, const ModelConfig& config, DType dtype, const ModelPart& part = {});
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  [[nodiscard]] const ModelConfig& config() const { return config_; }
  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] Device& device() const { return *device_; }
  [[nodiscard]] const std::vector<Stage>& stages() const { return stages_; }
  /// A stage of this rank by its index in the whole model.
  [[nodiscard]] const Stage& stage(Index index) const;
  /// The head; throws where the last stage is not on this rank.
  [[nodiscard]] const LossHead& head() const;
  [[nodiscard]] ParameterStore& parameters() { return *parameters_; }
  [[nodiscard]] const ParameterStore& parameters() const { return *parameters_; }
  /// Groups that each unit reads and has gradients for: layers and head, stage after stage.
  [[nodiscard]] const std::vector<std::vector<ParameterGroup*>>& units() const { return units_; }
  /// The two ends of a tied table that lies on two pipeline ranks; null where this rank has none.
  [[nodiscard]] ParameterGroup* tied_across_ranks() const { return tied_across_ranks_; }

 private:
  void add_stage(Index index, const ModelPart& part);
  void add_head(Stage& stage, const ModelPart& part);
  [[nodiscard]] VocabularyTable table(std::string name, const ModelPart& part) const;
  void make_store(const ModelPart& part);

  Device* device_;
  ModelConfig config_;
  DType dtype_;
  std::vector<BlockRange> ranges_;
  std::vector<Stage> stages_;
  ParameterGroup* tokens_ = nullptr;  ///< the embedding's table, where it is here
  ParameterGroup* tied_across_ranks_ = nullptr;
  ParameterGroup output_;  ///< no parts: tied to a table on this rank, or elsewhere
  std::vector<std::vector<ParameterGroup*>> units_;
  std::unique_ptr<ParameterStore> parameters_;
};

}  // namespace tokenwerk
