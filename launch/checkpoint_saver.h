#pragma once
/// When a run saves, how it goes on meanwhile, and what happens when that fails.

#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <span>
#include <string>

#include "launch/local_saver.h"
#include "launch/recipe.h"
#include "launch/run_log.h"
#include "launch/step_flags.h"
#include "launch/worker_pool.h"
#include "parallel/checkpoint/snapshot.h"
#include "parallel/checkpoint/staged_save.h"

namespace tokenwerk {

/// What stands in the next checkpoint; this rank's parts.
struct Savable {
  Index step = 0;
  std::vector<ArrayPart> parts;
  std::string state_json;
};

/// Saves a run's checkpoints, one at a time. With `checkpoint.async` a thread writes from a copy in
/// host memory while training goes on; the ranks meet between two steps, so that all messages come
/// from the training thread and in one order. Where memory is short for the copy, training waits
/// instead. A save that fails is told, leaves the older checkpoints, and the next one tries again.
/// Local generations (LocalSaver) are written from the same copy; one that is due while a
/// checkpoint is written from it is left out, or, where their cost says when, comes after it.
///
/// Every rank makes the same calls; all but `flags` and `wait_for_copy` are collective.
class CheckpointSaver {
 public:
  /// `saved`: the step of the checkpoint that the run goes on from.
  CheckpointSaver(const CheckpointSection& section, Communicator& ranks, int ranks_on_host,
                  RunLog& log, std::optional<Index> saved, std::optional<LocalTier> local = {});

  /// What this rank has to say after a step. With `every = "auto"` rank 0 decides for all.
  [[nodiscard]] StepFlags flags(Index step) const;
  /// After this step: goes on with the save under way if no rank is still writing. Returns what
  /// is to be saved now: no local generation while a checkpoint is written from the copy.
  [[nodiscard]] StepFlags advance(Index step, StepFlags of_any);
  /// Saves what is due; first waits for the save under way. Until `wait_for_copy` has returned, the
  /// parts stay as they are.
  void save(const Savable& what, const StepFlags& due = {.save = true});
  /// Before the parts change.
  void wait_for_copy();
  /// Ends the save under way.
  void wait();
  /// The run has gone back to this step; `saved`: that of the checkpoint, where it was one.
  void gone_back(Index step, std::optional<Index> saved);
  /// Where there is one.
  [[nodiscard]] const LocalTier* local_tier() const { return local_ ? &local_->tier() : nullptr; }
  /// At the end of a run: whether its last step is saved, of which two tries are made.
  [[nodiscard]] bool finish(const Savable& what);

 private:
  using Clock = std::chrono::steady_clock;
  enum class Stage { writing, publishing };

  /// Counts the seconds of its life as those in which the save keeps training waiting.
  class Blocking;
  [[nodiscard]] double blocked_seconds() const;

  void begin(const Savable& what, const StepFlags& due, bool beside);
  /// False where it failed at once.
  [[nodiscard]] bool begin_shared(const Savable& what, std::span<const ArrayPart> parts,
                                  bool beside);
  /// Whether all ranks have memory for a copy; asked and told once.
  [[nodiscard]] bool copies_fit(std::span<const ArrayPart> parts);
  /// Runs work on the thread beside training, behind the copy that it may read, or at once.
  [[nodiscard]] std::future<void> start(bool beside, std::function<void()> work);
  void publish();
  void next_stage();
  void end();
  void saved();
  void failed(const std::string& what);
  [[nodiscard]] double interval_seconds() const;

  CheckpointSection section_;
  Communicator* ranks_;
  int ranks_on_host_;
  RunLog* log_;
  std::optional<Index> saved_step_;
  std::optional<Index> failed_step_;  ///< of the last save that failed

  std::optional<bool> copies_fit_;
  Snapshot snapshot_;
  SavedLayout layout_;
  std::optional<StagedSave> save_;  ///< under way
  Index step_ = 0;                  ///< its step
  bool beside_ = false;             ///< whether a thread writes it
  Stage stage_ = Stage::writing;
  std::shared_future<void> copied_;
  std::future<void> work_;  ///< this rank's share of the stage

  std::optional<LocalSaver> local_;

  Clock::time_point begun_ = Clock::now();  ///< the last save, or the run
  double blocked_ = 0.0;                    ///< by the last save; the first is yet to be measured
  std::optional<Clock::time_point> blocking_since_;
  double cost_ = 1.0;     ///< seconds that the last good save blocked training; a guess at first
  double written_ = 0.0;  ///< seconds that it took to write
  WorkerPool copier_{1};  ///< training waits for copies: not behind what rank 0 publishes
  WorkerPool worker_{1};  ///< ends first
};

}  // namespace tokenwerk
