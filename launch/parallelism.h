#pragma once
/// A rank's place in a run: its mesh, its communicators, and its part of the model.

#include <functional>
#include <memory>
#include <optional>

#include "launch/layout.h"
#include "models/model.h"
#include "parallel/comm/environment.h"
#include "parallel/data/gradient_sync.h"
#include "parallel/data/sharded_values.h"
#include "parallel/pipeline/schedule.h"
#include "parallel/tensor/tensor_parallel.h"

namespace tokenwerk {

/// Makes this rank's communicator along an axis of a mesh, for arrays of the world's device.
using MakeCommunicator = std::function<std::unique_ptr<Communicator>(const Mesh&, Axis)>;

/// The communicators of every axis that the recipe uses. All ranks make it together.
class Parallelism {
 public:
  /// The recipe is resolved and has no faults. `world` joins all ranks, for arrays of its device.
  Parallelism(const MakeCommunicator& make, Communicator& world, const Recipe& recipe,
              const ModelConfig& config);
  /// The same for the ranks of this run.
  Parallelism(MpiEnvironment& environment, Communicator& world, const Recipe& recipe,
              const ModelConfig& config);

  [[nodiscard]] const Mesh& mesh() const { return mesh_; }
  [[nodiscard]] const MeshCoordinates& here() const { return here_; }
  [[nodiscard]] Communicator& world() const { return *world_; }
  [[nodiscard]] Communicator& data() const { return *data_; }
  [[nodiscard]] Communicator& pipeline() const { return *pipeline_; }
  [[nodiscard]] DataAxes data_axes() const;
  [[nodiscard]] TensorAxis& tensor() { return *tensor_axis_; }
  [[nodiscard]] int zero() const { return zero_; }
  [[nodiscard]] SumOrder order() const { return order_; }
  /// Sequences of a step.
  [[nodiscard]] Index global_batch() const { return global_batch_; }
  [[nodiscard]] Gathered gathered() const { return gathered_; }
  /// Of the training steps.
  [[nodiscard]] const PipelineSchedule& schedule() const { return schedule_; }
  /// Forward alone, for validation.
  [[nodiscard]] PipelineSchedule forward_schedule(Index microbatches) const;
  /// One micro-batch forward and back, as a check of its own.
  [[nodiscard]] PipelineSchedule single_schedule() const;
  /// What this rank builds of the model.
  [[nodiscard]] const ModelPart& part() const { return part_; }

 private:
  Mesh mesh_;
  MeshCoordinates here_;
  int zero_;
  SumOrder order_;
  Index global_batch_;
  Gathered gathered_;
  PipelineSchedule schedule_;
  Communicator* world_;
  std::unique_ptr<Communicator> data_, replicate_, shard_, tensor_, pipeline_, copies_;
  std::optional<TensorAxis> tensor_axis_;
  std::optional<TensorParallel> layers_;
  ModelPart part_;
};

}  // namespace tokenwerk
