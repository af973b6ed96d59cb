/// The loop over the steps of a run.

#include "launch/trainer.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/log.h"
#include "core/seconds.h"
#include "launch/evaluation.h"
#include "launch/training_run.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

StepBatches TrainingRun::batches(SampleRange places) {
  StepBatches batches = source_.batches(*stream_, places.first);
  batches.gradient_factor =
      injected_factor(injections_, places.first / recipe_.training.global_batch + 1,
                      parallelism_.mesh(), environment_.rank());
  return batches;
}

bool TrainingRun::recovered(const StepResult& result, SampleRange batch) {
  heartbeat_->beat("recovering", state_.step);
  const BadStepAction action = recover(
      policy_, batch, result,
      {control_, *stream_, recipe_, state_, model_, step_, *saver_, *log_,
       [this] { return savable(); }, [this] { heartbeat_->beat("recovering", state_.step); }});
  source_.leave_out(policy_.left_out(state_.history));
  return action == BadStepAction::skip;
}

bool TrainingRun::step() {
  const auto start = Clock::now();
  inject(injections_, environment_.rank(), state_.step + 1);
  verification_.strike(injections_, state_.step + 1);
  run_device_.count_waits(*stream_);
  const double rate = learning_rate_at(learning_rate_, state_.step);
  const Index tokens = recipe_.training.global_batch * model_.config().sequence_length;
  const SampleRange places = source_.places(state_.samples);
  StepSettings settings{
      .step = state_.updates + 1, .learning_rate = rate, .clip = recipe_.training.clip};
  policy_.limit(state_.history, settings);
  run_device_.count_joules();
  traffic_.begin();
  trace_.begin_step();
  const StepResult result =
      step_.run(settings, batches(places), [this] { saver_->wait_for_copy(); });
  trace_.end_step(state_.step + 1, traffic_.end());
  const std::optional<double> joules = run_device_.counted_joules();
  if (!result.updated && !recovered(result, places)) return false;
  if (result.updated) policy_.good(state_.history, state_.step + 1, result);
  state_.updates += result.updated ? 1 : 0;
  ++state_.step;
  state_.samples = places.last;
  state_.tokens += tokens;
  const StepSeconds seconds{.whole = seconds_since(start),
                            .waiting = run_device_.counted_waits(*stream_),
                            .reading = source_.take_seconds()};
  StepMetrics metrics = meter_->metrics(result, state_, rate, seconds);
  metrics.skipped = !result.updated;
  stragglers_.add(seconds);
  metrics.straggler = stragglers_.after(state_.step, *log_);
  metrics.memory_peak_bytes =
      all_reduce(control_, static_cast<Index>(device_.memory().peak), Reduction::max);
  if (joules) metrics.joules_per_token = *joules / static_cast<double>(tokens);
  log_->step(metrics);
  heartbeat_->beat("step", state_.step);
  const bool looks = environment_.rank() == 0 && state_.step % recipe_.log.every == 0;
  if (looks && directories_->hold_again()) record_run(recipe_, RunStart::again);
  return true;
}

bool TrainingRun::timed_step() {
  if (started_) return step();
  started_ = true;
  const bool done = budget_.during(StartupBudget::first_step, [this] { return step(); });
  const std::string text = budget_.report(control_);
  log_info("start-up: {}", text);
  log_->event({.name = "first step", .step = state_.step, .what = text});
  return done;
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

void TrainingRun::verify() {
  heartbeat_->beat("verifying", state_.step);
  verification_.check(state_, *log_, [this] { saver_->wait(); });  // what it writes was verified
}

Savable TrainingRun::savable() {
  verify();
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
    if (!timed_step()) continue;
    if (trace_.complete()) trace_.write(control_);
    StepFlags mine = saver_->flags(state_.step);
    mine.stop = stop.received();
    const StepFlags now = saver_->advance(state_.step, any_of(control_, mine));
    stopped = now.stop;
    if (validate_every > 0 && (state_.step % validate_every == 0 || state_.step == t.steps))
      validate_now();
    if (verification_.due(state_.step) && !now.due()) verify();
    if (now.due()) saver_->save(savable(), now);
  }
  const bool saved = save_last(stopped, stop);
  log_->finish();
  trace_.finish(control_);
  if (const std::string sent = traffic_.text(control_); !sent.empty()) log_info("{}", sent);
  return ended(stopped && state_.step < last, saved);
}

/// What a run has computed to its end is in memory alone: it waits for a disk that is full. All
/// ranks count the same seconds.
bool TrainingRun::save_last(bool stopped, const StopRequest& stop) {
  constexpr double longest_pause = 30;
  bool saved = saver_->finish(savable());
  double left = recipe_.checkpoint.last_save_seconds;
  for (double pause = 1; !saved && !stopped && left > 0;
       pause = std::min(2 * pause, longest_pause)) {
    pause = std::min(pause, left);
    if (environment_.rank() == 0)
      log_warning("the last checkpoint is tried again in {:.0f} s, and for {:.0f} s", pause, left);
    for (double rest = pause; rest > 0; rest -= 1) {  // with signs of life: it is no hang
      heartbeat_->beat("saving", state_.step);
      std::this_thread::sleep_for(std::chrono::duration<double>(std::min(rest, 1.0)));
    }
    left -= pause;
    stopped = !all_ok(control_, !stop.received());
    if (!stopped) saved = saver_->finish(savable());
  }
  return saved;
}

/// The exit code, and in words what it leaves to do.
ExitCode TrainingRun::ended(bool stopped, bool saved) {
  if (!saved) {
    if (environment_.rank() == 0)
      log_error("the run ends after step {}, which is not saved", state_.step);
    return ExitCode::wrong_machine;
  }
  log_->event({.name = stopped ? "stopped" : "done", .step = state_.step});
  if (!stopped) {
    heartbeat_->beat(done_phase, state_.step);
    return ExitCode::done;
  }
  log_info("stopped by a signal after step {}, saved: resume with --checkpoint.resume latest",
           state_.step);
  return ExitCode::stopped_by_signal;
}

int run_training(MpiEnvironment& environment, const Recipe& recipe,
                 const std::vector<Injection>& injections, const StopRequest& stop,
                 StartupBudget& budget) {
  return static_cast<int>(TrainingRun(environment, recipe, injections, budget).train(stop));
}

}  // namespace tokenwerk
