#pragma once
/// A recipe: everything that a training run is told, from a TOML file and from flags.
///
/// Members bear the names of their keys. An empty optional means "not given": `resolved` fills
/// those of data, training, parallel and checkpoint, models/ those of the model (from its preset).
/// What every key means, its default and its legal values stand in one table,
/// launch/recipe_keys.cpp. Choices (family, precision, schedule) are strings, checked against that
/// table.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace tokenwerk {

struct ModelSection {
  std::optional<std::string> family;  ///< gpt | llama
  std::optional<std::string> preset;
  std::optional<Index> layers;
  std::optional<Index> width;
  std::optional<Index> heads;
  std::optional<Index> kv_heads;
  std::optional<Index> ffn_width;
  std::optional<Index> vocabulary;
  std::optional<bool> tied;
  std::optional<double> norm_epsilon;
  std::optional<double> rope_theta;
  std::optional<std::string> initial;  ///< a checkpoint folder, of which only the weights are read
  friend bool operator==(const ModelSection&, const ModelSection&) = default;
};

struct DataSection {
  std::string train;  ///< path prefix of the .bin/.idx pair
  std::optional<std::string> validation;
  Index sequence_length = 1024;
  friend bool operator==(const DataSection&, const DataSection&) = default;
};

struct TrainingSection {
  Index steps = 0;
  std::optional<Index> stop_after;  ///< empty: runs to `steps`
  Index global_batch = 32;          ///< in sequences, like micro_batch
  Index micro_batch = 1;
  std::string precision = "f32";
  std::optional<bool> reproducible;
  Index seed = 1;
  double learning_rate = 3e-4;
  std::optional<double> minimum_learning_rate;
  std::optional<Index> warmup_steps;
  std::optional<Index> decay_steps;
  std::string schedule = "cosine";
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;
  double clip = 1.0;                 ///< 0: no clipping
  std::string on_bad_step = "stop";  ///< skip | rewind
  double spike_z_score = 0.0;        ///< 0: no spikes are looked for
  Index spike_window = 100;          ///< good steps
  Index most_bad_steps = 10;         ///< in a row
  std::optional<std::string> skip_batches;
  std::optional<Index> validate_every;  ///< 0: never
  Index validate_batches = 8;           ///< global batches that one validation reads
  double watchdog_seconds = 600;        ///< 0: no watchdog
  std::optional<bool> check_collectives;
  std::optional<Index> verify_replicas;  ///< empty or 0: never
  std::optional<Index> verify_replay;    ///< likewise
  friend bool operator==(const TrainingSection&, const TrainingSection&) = default;
};

struct ParallelSection {
  std::optional<Index> data;
  Index tensor = 1;
  std::optional<bool> sequence;
  Index pipeline = 1;
  std::optional<Index> virtual_stages;
  std::optional<std::string> schedule;  ///< or file:PATH
  std::optional<std::string> stages;    ///< blocks of each stage, "3,4,4,3"
  Index zero = 0;
  std::optional<Index> zero_group;
  std::optional<bool> zero_keep;
  std::string recompute = "none";
  friend bool operator==(const ParallelSection&, const ParallelSection&) = default;
};

/// A number of steps, or "auto".
struct StepInterval {
  std::optional<Index> steps;  ///< empty: auto
  friend bool operator==(const StepInterval&, const StepInterval&) = default;
};

struct CheckpointSection {
  std::optional<std::string> directory;
  StepInterval every{1000};          ///< 0: only at the end; auto: by cost and mtbf_hours
  std::optional<double> mtbf_hours;  ///< mean time between failures of the whole run
  std::optional<bool> async;
  Index keep = 3;                  ///< newest ones kept; 0: all
  Index keep_every = 0;            ///< steps divisible by it are kept for good; 0: none
  double last_save_seconds = 600;  ///< the last one of a run is tried again so long
  std::string resume = "never";
  std::optional<std::string> local = {};  ///< folder on each host; {host} is its name
  StepInterval local_every = {};
  friend bool operator==(const CheckpointSection&, const CheckpointSection&) = default;
};

struct LogSection {
  std::string directory = "run";
  Index every = 10;
  std::optional<bool> trace;
  friend bool operator==(const LogSection&, const LogSection&) = default;
};

struct DeviceSection {
  std::string kind = "cpu";
  friend bool operator==(const DeviceSection&, const DeviceSection&) = default;
};

struct Recipe {
  ModelSection model;
  DataSection data;
  TrainingSection training;
  ParallelSection parallel;
  CheckpointSection checkpoint;
  LogSection log;
  DeviceSection device;

  /// Where each key that was given stands: "training.steps" -> "run.toml:12:1" or
  /// "--training.steps".
  std::map<std::string, std::string> origins;
  std::string file;  ///< it was read from; empty for a recipe made by a program
  /// The schedule, where parallel.schedule is a file that has been read.
  std::optional<std::string> schedule_text;

  /// Where to look for a key: its origin, or the file where it is missing.
  [[nodiscard]] const std::string& place_of(std::string_view key) const {
    const auto origin = origins.find(std::string(key));
    return origin == origins.end() ? file : origin->second;
  }

  /// Equal in every key; where the keys came from does not count.
  friend bool operator==(const Recipe& a, const Recipe& b) {
    return a.model == b.model && a.data == b.data && a.training == b.training &&
           a.parallel == b.parallel && a.checkpoint == b.checkpoint && a.log == b.log &&
           a.device == b.device;
  }
};

/// A flag as given: `--training.steps 20` is {"training.steps", "20"}.
struct RecipeFlag {
  std::string key;
  std::string value;
};

/// Whether the token files have to be on this machine.
enum class DataFiles { here, anywhere };

/// Reads a recipe file, lets flags replace its keys and validates the whole for this number of
/// ranks. Throws one ConfigError that lists every fault on a line of its own, as
/// `file:line:column: key: what is wrong, and the nearest legal value`; beside others, token files
/// that should be here and are not.
[[nodiscard]] Recipe read_recipe(const std::filesystem::path& file,
                                 const std::vector<RecipeFlag>& flags, Index ranks,
                                 DataFiles data = DataFiles::here);

/// The same for TOML text, but for token files; `name` stands for the file in messages.
[[nodiscard]] Recipe read_recipe_text(const std::string& text, const std::string& name,
                                      const std::vector<RecipeFlag>& flags, Index ranks);

/// The recipe that `to_toml` wrote, whose values are checked already.
[[nodiscard]] Recipe parse_resolved(const std::string& text);

/// Throws one ConfigError that lists every value that is out of range or does not fit another.
void validate(const Recipe& recipe, Index ranks);

/// The recipe with its defaults that depend on other keys filled in, but for the model's, which
/// models/ knows: minimum_learning_rate, warmup_steps, decay_steps, validate_every, those of
/// [parallel] but stages, checkpoint.directory.
[[nodiscard]] Recipe resolved(Recipe recipe, Index ranks);

/// TOML text that reads back as an equal recipe: every key that has a value, numbers exact.
[[nodiscard]] std::string to_toml(const Recipe& recipe);

}  // namespace tokenwerk
