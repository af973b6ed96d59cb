#include "launch/trainer.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "core/data/sample_order.h"
#include "core/log.h"
#include "launch/agreement.h"
#include "launch/batch_reader.h"
#include "launch/checkpoint_saver.h"
#include "launch/completed_recipe.h"
#include "launch/counted.h"
#include "launch/evaluation.h"
#include "launch/exit_code.h"
#include "launch/heartbeat.h"
#include "launch/memory_fault.h"
#include "launch/recipe_model.h"
#include "launch/restore.h"
#include "launch/run_device.h"
#include "launch/run_directory.h"
#include "launch/run_log.h"
#include "launch/run_trace.h"
#include "launch/signals.h"
#include "launch/step_meter.h"
#include "launch/traffic_report.h"
#include "launch/train_step.h"
#include "launch/training_checkpoint.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The sign of what is no number says nothing.
double unsigned_nan(double value) { return std::isnan(value) ? std::abs(value) : value; }

class TrainingRun {
 public:
  TrainingRun(MpiEnvironment& environment, const Recipe& recipe,
              const std::vector<Injection>& injections);

  /// Trains to the end, to stop_after, or to a signal. Returns the exit code.
  [[nodiscard]] ExitCode train(const StopRequest& stop);

 private:
  /// All ranks on their devices, which are known not to be too small.
  [[nodiscard]] Communicator& checked_world();
  void start();
  void announce() const;
  void step();
  void validate_now();
  [[nodiscard]] Savable savable();
  [[nodiscard]] ExitCode ended(bool stopped, bool saved) const;
  [[nodiscard]] StepBatches batches(std::vector<Index>& samples);

  MpiEnvironment& environment_;
  const std::vector<Injection>& injections_;
  Recipe recipe_;
  RunTrace trace_;
  RunDevice run_device_;
  Device& device_;
  Communicator& control_;  ///< for what stays in host memory
  std::unique_ptr<Stream> stream_;
  Parallelism parallelism_;
  TokenDataset train_data_;
  std::optional<TokenDataset> validation_data_;
  SampleOrder order_;
  BatchReader reader_;
  Model model_;
  TrainStep step_;
  TrafficReport traffic_;
  LearningRate learning_rate_;
  TrainingState state_;
  MatrixPeak matrix_peak_;
  std::optional<StepMeter> meter_;
  std::optional<RunDirectories> directories_;  ///< on the first rank
  std::optional<RunLog> log_;
  std::optional<CheckpointSaver> saver_;
  std::optional<HeartbeatWriter> heartbeat_;
};

TrainingRun::TrainingRun(MpiEnvironment& environment, const Recipe& recipe,
                         const std::vector<Injection>& injections)
    : environment_(environment),
      injections_(injections),
      recipe_(completed_together(environment, recipe)),
      trace_(environment, recipe_),
      run_device_(environment, device_kind(recipe_.device.kind)),
      device_(run_device_.device()),
      control_(run_device_.control()),
      stream_(device_.make_stream()),
      parallelism_(environment, checked_world(), recipe_, model_config(recipe_, 0)),
      train_data_(open_dataset(recipe_.data.train, recipe_, control_)),
      order_(train_data_.sample_count(), static_cast<std::uint64_t>(recipe_.training.seed)),
      reader_(device_, train_data_, recipe_.training.micro_batch),
      model_(device_, model_config(recipe_, 0),
             recipe_.training.precision == "bf16" ? DType::bf16 : DType::f32, parallelism_.part()),
      step_(*stream_, model_, parallelism_, adamw_options(recipe_.training), trace_.recorder()),
      traffic_(environment),
      learning_rate_(learning_rate(recipe_.training)) {
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
  heartbeat_->beat("loading", 0);
  std::optional<LocalTier> local = open_local_tier(control_, environment_.host(), recipe_);
  Beginning beginning;
  agree(control_, [&] {
    beginning = restore_or_initialise(control_, *stream_, recipe_, local ? &*local : nullptr,
                                      state_, model_, step_.optimizer());
  });
  agree(control_, [&] {
    if (first) {
      directories_->stay();
      record_run(recipe_);
    }
    const bool fresh = recipe_.checkpoint.resume == "never" || state_.step == 0;
    log_.emplace(recipe_, environment_.rank(), fresh ? std::nullopt : std::optional(state_.step));
  });
  saver_.emplace(recipe_.checkpoint, control_, environment_.local_size(), *log_,
                 beginning.checkpoint, std::move(local));
  matrix_peak_ = run_device_.matrix_peak(model_.dtype());
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

StepBatches TrainingRun::batches(std::vector<Index>& samples) {
  const TrainingSection& t = recipe_.training;
  const Communicator& data = parallelism_.data();
  const SampleRange mine =
      part_of({state_.samples, state_.samples + t.global_batch}, data.rank(), data.size());
  const auto read = [this, mine, &samples](Index i) {
    const Index first = mine.first + i * recipe_.training.micro_batch;
    const Index last = std::min(first + recipe_.training.micro_batch, mine.last);
    samples.clear();
    for (Index place = first; place < last; ++place) samples.push_back(order_.sample_at(place));
    const TraceSpan span(trace_.recorder(), "data", "data");
    return reader_.read(*stream_, samples);
  };
  const Index targets = t.global_batch * model_.config().sequence_length;
  return {reader_.rows(), read, 1.0 / static_cast<double>(targets), mine.first - state_.samples};
}

void TrainingRun::step() {
  inject(injections_, environment_.rank(), state_.step + 1);
  const auto start = Clock::now();
  const double waited = environment_.waited_seconds();
  const double rate = learning_rate_at(learning_rate_, state_.step);
  const Index tokens = recipe_.training.global_batch * model_.config().sequence_length;
  std::vector<Index> samples;
  run_device_.count_joules();
  traffic_.begin();
  trace_.begin_step();
  const StepResult result =
      step_.run({.step = state_.step + 1, .learning_rate = rate, .clip = recipe_.training.clip},
                batches(samples), [this] { saver_->wait_for_copy(); });
  trace_.end_step(state_.step + 1, traffic_.end());
  const std::optional<double> joules = run_device_.counted_joules();
  if (!result.finite) {
    saver_->wait();  // what it writes is from before
    const std::string what = fmt::format(
        "step {}: loss {}, gradient norm {}: training stops, nothing was updated by this step",
        state_.step + 1, unsigned_nan(result.loss), unsigned_nan(result.gradient_norm));
    throw SharedError(ExitCode::stopped_by_policy, what);  // loss and norm are those of all ranks
  }
  ++state_.step;
  state_.samples += recipe_.training.global_batch;
  state_.tokens += tokens;
  std::optional<double> waiting;  // a GPU's streams wait for each other unseen
  if (device_.kind() == DeviceKind::cpu) waiting = environment_.waited_seconds() - waited;
  StepMetrics metrics = meter_->metrics(
      result, state_, rate,
      {.whole = seconds_since(start), .waiting = waiting, .reading = reader_.take_seconds()});
  metrics.memory_peak_bytes =
      all_reduce(control_, static_cast<Index>(device_.memory().peak), Reduction::max);
  if (joules) metrics.joules_per_token = *joules / static_cast<double>(tokens);
  log_->step(metrics);
  heartbeat_->beat("step", state_.step);
}

void TrainingRun::validate_now() {
  heartbeat_->beat("validating", state_.step);
  const TrainingSection& t = recipe_.training;
  const Evaluation result =
      evaluate(*stream_, *validation_data_, parallelism_.data(), t.micro_batch,
               t.validate_batches * t.global_batch,
               [this](const EvaluationBatches& batches) { return step_.evaluate(batches); });
  log_->validation({state_.step, result.loss});
}

Savable TrainingRun::savable() {
  heartbeat_->beat("saving", state_.step);
  step_.wait_for_weights();
  stream_->synchronize();
  return {state_.step,
          training_parts(*parallelism_.data_axes().replicate, model_, step_.optimizer()),
          to_json(state_)};
}

ExitCode TrainingRun::train(const StopRequest& stop) {
  start();
  announce();
  const TrainingSection& t = recipe_.training;
  const Index last = std::min(t.steps, t.stop_after.value_or(t.steps));
  const Index validate_every = validation_data_ ? t.validate_every.value_or(0) : 0;
  bool stopped = false;
  while (state_.step < last && !stopped) {
    step();
    if (trace_.complete()) trace_.write(control_);
    StepFlags mine = saver_->flags(state_.step);
    mine.stop = stop.received();
    const StepFlags of_any = any_of(control_, mine);
    stopped = of_any.stop;
    saver_->advance(of_any);
    if (validate_every > 0 && (state_.step % validate_every == 0 || state_.step == t.steps))
      validate_now();
    if (of_any.due()) saver_->save(savable(), of_any);
  }
  const bool saved = saver_->finish(savable());
  log_->finish();
  trace_.finish(control_);
  if (const std::string sent = traffic_.text(control_); !sent.empty()) log_info("{}", sent);
  return ended(stopped && state_.step < last, saved);
}

/// The exit code, and in words what it leaves to do.
ExitCode TrainingRun::ended(bool stopped, bool saved) const {
  if (!saved) {
    if (environment_.rank() == 0)
      log_error("the run ends after step {}, which is not saved", state_.step);
    return ExitCode::wrong_machine;
  }
  log_->event({.name = stopped ? "stopped" : "done", .step = state_.step});
  if (!stopped) return ExitCode::done;
  log_info("stopped by a signal after step {}, saved: resume with --checkpoint.resume latest",
           state_.step);
  return ExitCode::stopped_by_signal;
}

}  // namespace

int run_training(MpiEnvironment& environment, const Recipe& recipe,
                 const std::vector<Injection>& injections, const StopRequest& stop) {
  return static_cast<int>(TrainingRun(environment, recipe, injections).train(stop));
}

}  // namespace tokenwerk
