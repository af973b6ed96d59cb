#pragma once
/// What of a training run goes into a checkpoint, and back.

#include <filesystem>
#include <string>

#include "core/optimizer/adamw_optimizer.h"
#include "launch/bad_steps.h"
#include "models/model.h"
#include "parallel/checkpoint/checkpoint.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Which tokens a run learns from, and what they mean.
struct DataIdentity {
  std::string prefix;     ///< path of the files where the run began, without endings
  std::string tokenizer;  ///< fingerprint; empty: none lies beside the data
  std::string index;      ///< XXH3-64 of the .idx file: the lengths of all documents
};

/// Collective: of the files with this prefix, the same on every rank.
[[nodiscard]] DataIdentity data_identity(Communicator& ranks, const std::string& prefix);

/// Where a run stands, beside its arrays; the JSON state of a checkpoint.
struct TrainingState {
  Index step = 0;     ///< steps done, skipped ones too: what the learning rate follows
  Index updates = 0;  ///< of the weights: what the optimizer's bias corrections follow
  Index samples = 0;  ///< the place in the order of the data
  Index tokens = 0;   ///< tokens seen
  StepHistory history;
  Index seed = 0;
  std::string precision;  ///< "f32" or "bf16"
  DataIdentity data;
  std::string recipe;  ///< TOML, as resolved
  ModelConfig model;
};

[[nodiscard]] std::string to_json(const TrainingState& state);
/// Throws CheckpointError naming the field that is missing or wrong.
[[nodiscard]] TrainingState training_state(const CheckpointState& state);

/// The state of a checkpoint (a step's folder, or a directory: its newest), read without its
/// arrays.
[[nodiscard]] TrainingState read_training_state(const std::filesystem::path& path);

/// One of the optimizer's flat arrays of shards, and the group it stands in in a checkpoint.
struct StateArray {
  std::string prefix;
  TensorView flat;
};
[[nodiscard]] std::vector<StateArray> state_arrays(const AdamWOptimizer& optimizer);

/// What this rank saves of weights and optimizer state. `copies` are the ranks that hold the same
/// shards: they divide the rows evenly.
[[nodiscard]] std::vector<ArrayPart> training_parts(const Communicator& copies, const Model& model,
                                                    const AdamWOptimizer& optimizer);

/// Where what this rank holds of them is read from a checkpoint.
[[nodiscard]] std::vector<ArrayTarget> training_targets(const Model& model,
                                                        const AdamWOptimizer& optimizer);

/// Throws CheckpointError that lists what differs, unless the checkpoint is of this model, seed,
/// precision and data.
void check_same_run(const TrainingState& state, const TrainingState& run,
                    const std::filesystem::path& path);

/// Collective: restores weights and optimizer state from `path` (a folder), or from the newest
/// sound checkpoint below it; `on_damaged` hears of newer ones. Nothing when the directory holds no
/// checkpoint. Throws CheckpointError where it holds none that is sound, and one that lists what
/// differs when it is not of the model, precision, seed and data of `run`.
[[nodiscard]] std::optional<TrainingState> load_training(Communicator& ranks, Stream& stream,
                                                         const std::filesystem::path& path,
                                                         const TrainingState& run, Model& model,
                                                         AdamWOptimizer& optimizer,
                                                         const OnDamaged& on_damaged,
                                                         const Alive& alive);

/// Collective: the weights alone, for a fresh run, for generating and evaluating; converts between
/// precisions. Throws CheckpointError that lists what differs when the models do not fit.
void load_weights(Communicator& ranks, Stream& stream, const std::filesystem::path& path,
                  Model& model, const Alive& alive = {});

}  // namespace tokenwerk
