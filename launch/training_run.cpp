/// How a training run is made and begins.

#include "launch/training_run.h"

#include <fmt/core.h>

#include <filesystem>

#include "core/log.h"
#include "launch/agreement.h"
#include "launch/counted.h"
#include "launch/memory_fault.h"
#include "launch/restore.h"

namespace tokenwerk {
namespace {

DType weights_dtype(const TrainingSection& training) {
  return training.precision == "bf16" ? DType::bf16 : DType::f32;
}

/// No disk ends a run that has begun.
void begin_local(LocalTier& tier, const Recipe& recipe, Index step) {
  const std::string fault = begin_local_session(tier, recipe.checkpoint.directory.value(), step);
  if (!fault.empty() && tier.ranks->rank() == 0)
    log_warning("{}: no local generation is kept until it can be written", fault);
}

}  // namespace

TrainingRun::TrainingRun(MpiEnvironment& environment, const Recipe& recipe,
                         const std::vector<Injection>& injections, StartupBudget& budget)
    : environment_(environment),
      injections_(injections),
      budget_(budget),
      recipe_(recipe),
      trace_(environment, recipe_),
      run_device_(
          budget.during(StartupBudget::device,
                        [&] { return RunDevice(environment, device_kind(recipe_.device.kind)); })),
      device_(run_device_.device()),
      control_(run_device_.control()),
      stream_(device_.make_stream()),
      parallelism_(budget.during(StartupBudget::communicators,
                                 [&] {
                                   return Parallelism(environment, checked_world(), recipe_,
                                                      model_config(recipe_, 0));
                                 })),
      train_data_(
          budget.during(StartupBudget::data,
                        [&] { return open_dataset(recipe_.data.train, recipe_, control_); })),
      source_(device_, train_data_, recipe_, parallelism_.data(), trace_.recorder()),
      model_(budget.during(StartupBudget::model,
                           [&] {
                             return Model(device_, model_config(recipe_, 0),
                                          weights_dtype(recipe_.training), parallelism_.part());
                           })),
      step_(budget.during(StartupBudget::model,
                          [&] {
                            return TrainStep(*stream_, model_, parallelism_,
                                             adamw_options(recipe_.training), trace_.recorder());
                          })),
      traffic_(environment),
      learning_rate_(learning_rate(recipe_.training)),
      policy_(recipe_.training),
      stragglers_(control_, environment.host(), parallelism_.here().pipeline,
                  recipe_.parallel.pipeline, recipe_.log.every),
      verification_(
          {environment_, control_, *stream_, parallelism_, model_, step_, train_data_, recipe_}) {
  if (recipe_.data.validation)
    validation_data_.emplace(open_dataset(*recipe_.data.validation, recipe_, control_));
  state_.seed = recipe_.training.seed;
  state_.precision = recipe_.training.precision;
  state_.data = data_identity(control_, recipe_.data.train);
  state_.recipe = to_toml(recipe_);
  state_.model = model_.config();
}

Communicator& TrainingRun::checked_world() {
  if (device_.kind() == DeviceKind::cpu) return run_device_.world();  // the recipe was checked
  agree(control_, [&] {
    const DeviceFacts facts = device_.facts();
    const std::string fault =
        memory_fault(recipe_, model_config(recipe_, 0), facts.memory_bytes, facts.name);
    TW_CHECK_AS(ConfigError, fault.empty(), fault);
  });
  return run_device_.world();
}

void TrainingRun::start() {
  const bool first = environment_.rank() == 0;
  agree_with_first(control_, [&] {
    trace_.check();
    directories_.emplace(recipe_);
  });
  const std::filesystem::path folder = recipe_.log.directory;
  open_log(environment_.rank(), first ? folder / "log.txt" : "");
  heartbeat_.emplace(folder, environment_.rank());
  heartbeat_->beat(loading_phase, 0);
  std::optional<LocalTier> local = open_local_tier(control_, environment_.host(), recipe_);
  Beginning beginning;
  budget_.during(StartupBudget::checkpoint, [&] {
    agree_on_common(control_, [&] {
      beginning = restore_or_initialise(control_, *stream_, recipe_, local ? &*local : nullptr,
                                        state_, model_, step_.optimizer(),
                                        [this] { heartbeat_->beat("loading", 0); });
    });
  });
  if (local) begin_local(*local, recipe_, state_.step);
  agree(control_, [&] {
    const bool fresh = recipe_.checkpoint.resume == "never" || state_.step == 0;
    if (first) {
      directories_->stay();
      const bool restarted = !fresh || own_attempt().value_or(1) > 1;
      record_run(recipe_, restarted ? RunStart::again : RunStart::first);
    }
    log_.emplace(recipe_, environment_.rank(), fresh ? std::nullopt : std::optional(state_.step));
  });
  source_.leave_out(policy_.left_out(state_.history));
  saver_.emplace(recipe_.checkpoint, control_, environment_.local_size(), *log_,
                 beginning.checkpoint, std::move(local));
  matrix_peak_ = budget_.during(StartupBudget::device,
                                [&] { return run_device_.matrix_peak(model_.dtype()); });
  meter_.emplace(recipe_, model_.config(), matrix_peak_.flops);
  log_->event({.name = state_.step == 0 ? "start" : "resume",
               .step = state_.step,
               .ranks = environment_.size(),
               .what = beginning.from});
  heartbeat_->beat("step", state_.step);
}

void TrainingRun::announce() const {
  const ModelConfig& c = model_.config();
  const TrainingSection& t = recipe_.training;
  log_info("{}: {} parameters, {:.4g} FLOPs a token, {} x {} wide, vocabulary {}",
           name_of(c.family), parameter_count(c), flops_per_token(c), c.layers, c.width,
           c.vocabulary);
  const auto& [flops, source] = matrix_peak_;
  log_info("{}, {}, {} of {} tokens a step, {} a micro-batch; {}",
           count_of(environment_.size(), "rank"), t.precision, count_of(t.global_batch, "sequence"),
           c.sequence_length, t.micro_batch,
           flops ? fmt::format("peak {:.4g} FLOP/s ({})", *flops, source) : source);
  if (device_.kind() == DeviceKind::cuda && recipe_.log.trace.value_or(false))
    log_warning("log.trace: on a GPU the timeline shows when work was queued, not when it ran");
}

}  // namespace tokenwerk
