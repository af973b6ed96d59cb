#pragma once
/// A trained model out of a checkpoint, on one rank, for the commands that only use it.

#include <filesystem>
#include <memory>

#include "core/data/tokenizer.h"
#include "launch/training_checkpoint.h"
#include "models/model.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

struct LoadedModel {
  TrainingState state;
  std::filesystem::path folder;  ///< of the step
  std::unique_ptr<Model> model;
};

/// Reads the weights of a checkpoint (a step's folder, or a directory: its newest). Throws
/// CheckpointError.
[[nodiscard]] LoadedModel load_model(Communicator& communicator, Stream& stream,
                                     const std::filesystem::path& checkpoint);

/// The tokenizer at `prefix`; when that is empty, the one beside the checkpoint, or else where the
/// run found it. Throws DataError when it is missing, or is not the one that the model learnt with.
[[nodiscard]] std::unique_ptr<Tokenizer> tokenizer_of(const LoadedModel& loaded,
                                                      const std::string& prefix);

}  // namespace tokenwerk
