#pragma once
/// A trained model out of a checkpoint, on one rank, for the commands that only use it.

#include <filesystem>
#include <memory>

#include "launch/training_checkpoint.h"
#include "models/model.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

struct LoadedModel {
  TrainingState state;
  std::unique_ptr<Model> model;
};

/// Reads the weights of a checkpoint (a step's folder, or a directory: its newest). Throws
/// CheckpointError.
[[nodiscard]] LoadedModel load_model(Communicator& communicator, Stream& stream,
                                     const std::filesystem::path& checkpoint);

}  // namespace tokenwerk
