#include "launch/restore.h"

#include "core/log.h"
#include "core/ops/elementwise.h"

namespace tokenwerk {
namespace {

void stand_at(const TrainingState& loaded, TrainingState& state) {
  state.step = loaded.step;
  state.updates = loaded.updates;
  state.samples = loaded.samples;
  state.tokens = loaded.tokens;
  state.history = loaded.history;
}

void go_on_from(const TrainingState& loaded, const Recipe& recipe, TrainingState& state) {
  TW_CHECK_AS(ConfigError, loaded.step <= recipe.training.steps, recipe.place_of("training.steps"),
              ": training.steps = ", recipe.training.steps, ": the checkpoint is at step ",
              loaded.step, " already");
  stand_at(loaded, state);
  log_info("resumes after step {}", state.step);
}

/// The name is needed: a later save of this step would replace the folder.
void set_aside(const std::filesystem::path& folder, const std::string& why) {
  const std::filesystem::path aside = set_aside_checkpoint(folder, why);
  log_warning("{}: set aside as {}: {}", folder.string(), aside.filename().string(), why);
}

}  // namespace

Beginning restore_or_initialise(Communicator& ranks, Stream& stream, const Recipe& recipe,
                                const LocalTier* local, TrainingState& state, Model& model,
                                AdamWOptimizer& optimizer, const Alive& alive) {
  const std::string& resume = recipe.checkpoint.resume;
  const bool latest = resume == "latest";
  if (resume != "never") {
    const std::string path = latest ? recipe.checkpoint.directory.value() : resume;
    const auto loaded = load_newest(ranks, stream, latest ? local : nullptr, path, state, model,
                                    optimizer, latest ? set_aside : pass_over_checkpoint, alive);
    TW_CHECK_AS(CheckpointError, loaded || latest, path, ": no complete checkpoint there");
    if (loaded) {
      go_on_from(loaded->state, recipe, state);
      log_info("from {}", loaded->from);
      return {loaded->from, loaded->checkpoint};
    }
    log_info("no checkpoint in {}: starts at step 0", path);
  }
  model.parameters().initialise(stream, static_cast<std::uint64_t>(state.seed));
  if (recipe.model.initial) {
    load_weights(ranks, stream, *recipe.model.initial, model, alive);
    log_info("starts from the weights of {}", *recipe.model.initial);
  }
  optimizer.take_master(stream);
  return {};
}

Beginning rewind(Communicator& ranks, Stream& stream, const Recipe& recipe, const LocalTier* local,
                 TrainingState& state, Model& model, AdamWOptimizer& optimizer,
                 const Alive& alive) {
  const StepHistory until_now = state.history;
  Beginning beginning;
  if (const auto loaded = load_newest(ranks, stream, local, recipe.checkpoint.directory.value(),
                                      state, model, optimizer, set_aside, alive)) {
    stand_at(loaded->state, state);
    beginning = {loaded->from, loaded->checkpoint};
  } else {
    stand_at({}, state);
    fill(stream, optimizer.m(), 0.0);
    fill(stream, optimizer.v(), 0.0);
    beginning =
        restore_or_initialise(ranks, stream, recipe, nullptr, state, model, optimizer, alive);
  }
  state.history.bad_steps = until_now.bad_steps;
  state.history.bad_in_a_row = until_now.bad_in_a_row;
  return beginning;
}

}  // namespace tokenwerk
