#include "launch/step_recovery.h"

#include <fmt/core.h>

#include "launch/agreement.h"
#include "launch/exit_code.h"
#include "launch/restore.h"

namespace tokenwerk {
namespace {

RunEvent event_of(const BadStep& bad) {
  return {.name = std::string(name_of(bad.action)),
          .step = bad.step,
          .loss = bad.loss,
          .grad_norm = bad.gradient_norm,
          .z_score = bad.z_score,
          .what = bad.what};
}

/// The state with what happened, on the disk before the run goes on: killed then, it still knows.
/// Of a run that has done no step yet there is nothing to save.
void save_now(const RecoveryParts& run) {
  if (run.state.step > 0) run.saver.save(run.savable());
  run.saver.wait();
}

void go_back(const BadStep& bad, const RecoveryParts& run) {
  run.saver.wait();  // what is being written may be what it goes back to
  run.step.wait_for_weights();
  run.stream.synchronize();
  Beginning beginning;
  agree_on_common(run.control, [&] {
    beginning = rewind(run.control, run.stream, run.recipe, run.saver.local_tier(), run.state,
                       run.model, run.step.optimizer(), run.alive);
  });
  const Index step = run.state.step;
  run.saver.gone_back(step, beginning.checkpoint);  // before the metrics that it overtakes are cut
  RunEvent event = event_of(bad);
  event.seconds_lost = run.log.rewind(step);
  event.what += step > 0 ? fmt::format("; back to step {}{}", step,
                                       beginning.checkpoint ? "" : ", a local generation")
                         : std::string("; no checkpoint yet: back to the beginning");
  event.what +=
      fmt::format(", samples {} to {} are left out", bad.samples.first, bad.samples.last - 1);
  run.log.event(event);
  run.log.note(fmt::format("step {}: {}", bad.step, event.what));
  save_now(run);
}

[[noreturn]] void stop(const BadStep& bad, const RecoveryParts& run) {
  save_now(run);
  run.log.event(event_of(bad));
  throw SharedError(
      ExitCode::stopped_by_policy,
      fmt::format(
          "step {}: {}: training stops, nothing was updated by this step (samples {} to {})",
          bad.step, bad.what, bad.samples.first, bad.samples.last - 1));
}

}  // namespace

BadStepAction recover(const BadStepPolicy& policy, SampleRange batch, const StepResult& result,
                      const RecoveryParts& run) {
  const BadStep bad = policy.bad(run.state.history, run.state.step + 1, batch, result);
  switch (bad.action) {
    case BadStepAction::stop: stop(bad, run);
    case BadStepAction::rewind: go_back(bad, run); break;
    case BadStepAction::skip:
      run.log.event(event_of(bad));
      run.log.note(fmt::format("step {}: {}: skipped, nothing was updated by this step", bad.step,
                               bad.what));
      break;
  }
  return bad.action;
}

}  // namespace tokenwerk
