#include "launch/recipe_check.h"

#include <fmt/core.h>

#include <filesystem>

#include "launch/layout.h"
#include "launch/nearest.h"
#include "launch/recipe_keys.h"
#include "launch/recipe_model.h"
#include "launch/sample_places.h"

namespace tokenwerk {
namespace {

/// Runs the checks that relate keys: each speaks only if the keys it relates have no fault yet.
class Relations {
 public:
  Relations(const Recipe& recipe, Index ranks, Faults& faults)
      : recipe_(recipe), ranks_(ranks), faults_(faults) {}

  void check() {
    const std::optional<ModelConfig> config = check_model();
    check_layout(recipe_, ranks_, config ? &*config : nullptr, faults_);
    check_learning_rate();
    check_local();
    check_resume();
    check_bad_steps();
    check_run();
  }

 private:
  void add(std::string_view key, std::string_view what) {
    faults_.add(recipe_.place_of(key), key, what);
  }

  /// The model, if it has no fault.
  std::optional<ModelConfig> check_model() {
    const ModelSection& model = recipe_.model;
    if (!model.preset && !faults_.any_of({"model.preset"})) {
      if (!model.family) require("model.family", "gpt or llama");
      if (!model.layers) require("model.layers", "the number of transformer blocks");
      if (!model.width) require("model.width", "the size of a token's vector");
      if (!model.heads) require("model.heads", "the number of attention heads");
    }
    if (faults_.any_of({"model.family", "model.preset", "model.layers", "model.width",
                        "model.heads", "model.kv_heads", "model.ffn_width", "model.vocabulary"}))
      return std::nullopt;
    if (model.preset && model.family && *model.family != name_of(preset(*model.preset)->family))
      add("model.family", fmt::format("{} is not the family of {}; leave one of them out",
                                      *model.family, *model.preset));
    // The vocabulary, which may come from the tokenizer, does not have to fit any other size.
    const ModelConfig config = model_config(recipe_, model.vocabulary.value_or(1));
    const std::vector<std::string> faults = faults_of(config);
    for (const std::string& fault : faults)
      faults_.add(recipe_.place_of(fault.substr(0, fault.find(' '))), "", fault);
    return faults.empty() ? std::optional(config) : std::nullopt;
  }

  void require(std::string_view key, std::string_view what) {
    if (!faults_.any_of({key})) add(key, fmt::format("is missing: give {}, or model.preset", what));
  }

  void check_learning_rate() {
    const TrainingSection& training = recipe_.training;
    const std::optional<double> minimum = training.minimum_learning_rate;
    if (minimum && *minimum > training.learning_rate &&
        !faults_.any_of({"training.minimum_learning_rate", "training.learning_rate"})) {
      add("training.minimum_learning_rate",
          fmt::format("{} is above training.learning_rate; the nearest legal value is {}", *minimum,
                      training.learning_rate));
    }
    if (faults_.any_of({"training.steps"})) return;
    const Index warmup = training.warmup_steps.value_or(0);
    at_most("training.warmup_steps", training.warmup_steps, training.steps, "training.steps");
    if (!faults_.any_of({"training.warmup_steps"})) {
      at_most("training.decay_steps", training.decay_steps, training.steps - warmup,
              "training.steps less training.warmup_steps");
    }
    at_most("training.stop_after", training.stop_after, training.steps, "training.steps");
  }

  void at_most(std::string_view key, std::optional<Index> value, Index most,
               std::string_view what) {
    if (!value || *value <= most || faults_.any_of({key})) return;
    add(key, fmt::format("{} is above {}; the nearest legal value is {}", *value, what, most));
  }

  void check_bad_steps() {
    const TrainingSection& training = recipe_.training;
    if (training.spike_z_score > 0.0 && training.spike_window < 2 &&
        !faults_.any_of({"training.spike_window", "training.spike_z_score"}))
      add("training.spike_window",
          "one step has no standard deviation; the nearest legal value is 2");
    if (training.skip_batches && !faults_.any_of({"training.skip_batches"}) &&
        !places_of_batches(*training.skip_batches, 1))
      add("training.skip_batches",
          fmt::format("{} is no list of batches: numbers above 0 and ranges of them, as 12,40-55",
                      value_text(*training.skip_batches)));
  }

  /// {host} is the only pattern; what looks like one would be a folder of that name.
  void check_local() {
    const std::optional<std::string>& local = recipe_.checkpoint.local;
    if (!local || faults_.any_of({"checkpoint.local"})) return;
    for (std::size_t at = local->find('{'); at != std::string::npos; at = local->find('{', at + 1))
      if (local->compare(at, 6, "{host}") != 0)
        return add("checkpoint.local",
                   fmt::format("\"{}\": {{host}} is all that it knows in braces", *local));
  }

  /// A word that is nearly one of the two; a folder of such a name is written ./lates.
  void check_resume() {
    const std::string& resume = recipe_.checkpoint.resume;
    const std::string_view word = nearest(resume, {"never", "latest"});
    if (resume == word || edit_distance(resume, word) > 2) return;
    add("checkpoint.resume",
        fmt::format("\"{}\" is not never, latest or the path of a checkpoint; the "
                    "nearest legal value is {}",
                    resume, word));
  }

  void check_run() {
    const std::string& resume = recipe_.checkpoint.resume;
    if (recipe_.model.initial && resume != "never" && resume != "latest")
      add("model.initial",
          "starts a fresh run, but checkpoint.resume names a checkpoint; give one");
    const bool validates = recipe_.training.validate_every.value_or(0) > 0;
    if (validates && !recipe_.data.validation &&
        !faults_.any_of({"training.validate_every", "data.validation"}))
      add("training.validate_every", "needs data.validation; without it the only legal value is 0");
    if (recipe_.training.verify_replay.value_or(0) > 0 && recipe_.device.kind == "cuda" &&
        !faults_.any_of({"training.verify_replay", "device.kind"})) {
      add("training.verify_replay",
          "wants gradients that repeat their bits, which no device.kind = \"cuda\" was shown to "
          "do; the nearest legal value is 0 (training.verify_replicas works there)");
    }
    if (recipe_.training.reproducible.value_or(false) && recipe_.device.kind == "cuda" &&
        !faults_.any_of({"training.reproducible", "device.kind"})) {
      add("training.reproducible",
          "true wants products of a fixed order, which device.kind = \"cuda\" does not have; the "
          "nearest legal value is false");
    }
  }

  const Recipe& recipe_;
  Index ranks_;
  Faults& faults_;
};

}  // namespace

void check_values(const Recipe& recipe, Faults& faults) {
  for (const RecipeKey& key : recipe_keys()) {
    const std::string path = key.path();
    if (faults.has(path)) continue;
    const bool missing = is_required(key) && !recipe.origins.contains(path);
    with_value(key, recipe, [&](const auto& value) {
      const std::string fault = fault_of(key, value);
      if (fault.empty() || (missing && faults.any_of({path}))) return;
      faults.add(recipe.place_of(path), path,
                 missing ? fmt::format("is missing: {}", key.help) : fault);
    });
  }
}

void check_relations(const Recipe& recipe, Index ranks, Faults& faults) {
  Relations(recipe, ranks, faults).check();
}

std::string missing_tokens(const std::string& prefix) {
  for (const char* ending : {".bin", ".idx"})
    if (!std::filesystem::is_regular_file(prefix + ending))
      return fmt::format("no file {}{} (it is a path prefix, as `prepare --output` takes)", prefix,
                         ending);
  return {};
}

void validate(const Recipe& recipe, Index ranks) {
  Faults faults;
  check_values(recipe, faults);
  check_relations(recipe, ranks, faults);
  faults.raise();
}

}  // namespace tokenwerk
