#pragma once
/// What a training run holds, for launch/trainer.cpp, which runs it.

#include <memory>
#include <optional>
#include <vector>

#include "launch/batch_source.h"
#include "launch/checkpoint_saver.h"
#include "launch/exit_code.h"
#include "launch/heartbeat.h"
#include "launch/injection.h"
#include "launch/recipe_model.h"
#include "launch/run_device.h"
#include "launch/run_directory.h"
#include "launch/run_log.h"
#include "launch/run_trace.h"
#include "launch/signals.h"
#include "launch/startup_budget.h"
#include "launch/step_meter.h"
#include "launch/step_recovery.h"
#include "launch/stragglers.h"
#include "launch/traffic_report.h"
#include "launch/train_step.h"
#include "launch/training_checkpoint.h"
#include "launch/verification.h"

namespace tokenwerk {

/// The parts of a training run, and the loop over them. Every rank makes the same calls.
class TrainingRun {
 public:
  TrainingRun(MpiEnvironment& environment, const Recipe& recipe,
              const std::vector<Injection>& injections, StartupBudget& budget);
  TrainingRun(const TrainingRun&) = delete;
  TrainingRun& operator=(const TrainingRun&) = delete;

  /// Trains to the end, to stop_after, or to a signal. Returns the exit code.
  [[nodiscard]] ExitCode train(const StopRequest& stop);

 private:
  /// All ranks on their devices, which are known not to be too small.
  [[nodiscard]] Communicator& checked_world();
  void start();
  void announce() const;
  /// Whether a step was done: a bad one may lead back to a checkpoint instead.
  [[nodiscard]] bool step();
  /// The same; after the first, says where the time until its end went.
  [[nodiscard]] bool timed_step();
  void validate_now();
  /// Looks for silent faults, where the recipe asks for it.
  void verify();
  [[nodiscard]] Savable savable();
  [[nodiscard]] ExitCode ended(bool stopped, bool saved);
  [[nodiscard]] bool save_last(bool stopped, const StopRequest& stop);
  /// The batch of the next step, with the faults on request that are due in it.
  [[nodiscard]] StepBatches batches(SampleRange places);
  /// What is wrong was dealt with; whether the step counts.
  [[nodiscard]] bool recovered(const StepResult& result, SampleRange batch);

  MpiEnvironment& environment_;
  const std::vector<Injection>& injections_;
  StartupBudget& budget_;
  Recipe recipe_;
  RunTrace trace_;
  RunDevice run_device_;
  Device& device_;
  Communicator& control_;  ///< for what stays in host memory
  std::unique_ptr<Stream> stream_;
  Parallelism parallelism_;
  TokenDataset train_data_;
  std::optional<TokenDataset> validation_data_;
  BatchSource source_;
  Model model_;
  TrainStep step_;
  TrafficReport traffic_;
  LearningRate learning_rate_;
  BadStepPolicy policy_;
  TrainingState state_;
  MatrixPeak matrix_peak_;
  std::optional<StepMeter> meter_;
  std::optional<RunDirectories> directories_;  ///< on the first rank
  std::optional<RunLog> log_;
  std::optional<CheckpointSaver> saver_;
  std::optional<HeartbeatWriter> heartbeat_;
  Stragglers stragglers_;
  Verification verification_;
  bool started_ = false;  ///< the first step has been timed
};

}  // namespace tokenwerk
